//! What one transaction carries: operations are cut by their encoded size into as many as the chain's limits ask for.

use crate::{Client, ClientError};
use borsh::BorshSerialize;
use cairn_crypto::Signature;
use cairn_runtime::{ChainParams, Operation, StateKey};

/// Bytes of a signed transaction without operations: chain, sender, key index, nonce, expiry, the number of operations,
/// and the signature.
const ENVELOPE: u64 = 32 + 32 + 4 + 8 + 8 + 4 + Signature::LEN as u64;

/// Place in one transaction that is not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    bytes: u64,
    operations: u64,
    /// Most bytes of a transaction, for whoever is told that something does not fit.
    limit: u64,
}

impl Room {
    /// A transaction without operations.
    pub(crate) fn of(params: &ChainParams) -> Self {
        Self {
            bytes: params.max_transaction_bytes.saturating_sub(ENVELOPE),
            operations: params.max_operations,
            limit: params.max_transaction_bytes,
        }
    }

    /// Takes the place of an operation; whether there is enough. If not, nothing is taken.
    fn take(&mut self, operation: &Operation) -> bool {
        let operations = self.operations.checked_sub(1);
        let bytes = self.bytes.checked_sub(length(operation));
        match (operations, bytes) {
            (Some(operations), Some(bytes)) => {
                (self.operations, self.bytes) = (operations, bytes);
                true
            }
            _ => false,
        }
    }

    /// What is left beside an operation.
    ///
    /// # Errors
    /// As [`Room::check`].
    pub(crate) fn beside(
        mut self,
        what: &'static str,
        operation: &Operation,
    ) -> Result<Self, ClientError> {
        self.check(what, [operation])?;
        self.take(operation);
        Ok(self)
    }

    /// How many of these operations fit, from the first on.
    pub(crate) fn fitting<'a>(
        mut self,
        operations: impl IntoIterator<Item = &'a Operation>,
    ) -> usize {
        let operations = operations.into_iter();
        operations.take_while(|one| self.take(one)).count()
    }

    /// Whether these operations fit together.
    ///
    /// # Errors
    /// [`ClientError::TooLarge`] with the bytes that they would need, [`ClientError::TooManyOperations`].
    pub(crate) fn check<'a>(
        self,
        what: &'static str,
        operations: impl IntoIterator<Item = &'a Operation> + Clone,
    ) -> Result<(), ClientError> {
        let (mut room, mut rest) = (self, operations.clone().into_iter());
        if rest.all(|one| room.take(one)) {
            return Ok(());
        }
        let (count, bytes) = operations
            .into_iter()
            .fold((0u64, 0u64), |(count, bytes), one| {
                (count + 1, bytes.saturating_add(length(one)))
            });
        if count > self.operations {
            return Err(ClientError::TooManyOperations {
                what,
                got: count,
                limit: self.operations,
            });
        }
        Err(self.too_large(what, bytes))
    }

    /// The error that names how long a transaction with this many bytes more would be.
    fn too_large(self, what: &'static str, more: u64) -> ClientError {
        let taken = self.limit.saturating_sub(self.bytes);
        ClientError::TooLarge {
            what,
            got: taken.saturating_add(more),
            limit: self.limit,
        }
    }

    /// Takes the place of what makes an operation longer that is in already.
    ///
    /// # Errors
    /// [`ClientError::TooLarge`] if there is not enough; nothing is taken then.
    pub(crate) fn extend(
        &mut self,
        what: &'static str,
        more: &impl BorshSerialize,
    ) -> Result<(), ClientError> {
        let more = length(more);
        match self.bytes.checked_sub(more) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => Err(self.too_large(what, more)),
        }
    }

    /// Cuts a row of operations, each with what belongs to it, into transactions: each takes as many as it has place for.
    ///
    /// # Errors
    /// [`ClientError::TooLarge`] for an operation that is too long for a transaction of its own.
    pub(crate) fn cut<T>(
        self,
        what: &'static str,
        row: Vec<T>,
        operation: impl Fn(&T) -> &Operation,
    ) -> Result<Vec<Vec<T>>, ClientError> {
        let (mut parts, mut left) = (Vec::new(), self);
        for one in row {
            let part: &mut Vec<T> = match parts.last_mut() {
                Some(part) if left.take(operation(&one)) => part,
                _ => {
                    self.check(what, [operation(&one)])?;
                    left = self;
                    left.take(operation(&one));
                    parts.push(Vec::new());
                    parts.last_mut().expect("one was just pushed")
                }
            };
            part.push(one);
        }
        Ok(parts)
    }
}

fn length(value: &impl BorshSerialize) -> u64 {
    // Counting bytes fails for no value; one that cannot be written down fits nowhere.
    borsh::object_length(value).map_or(u64::MAX, |bytes| bytes as u64)
}

impl Client {
    /// An empty transaction by the limits in force, proved.
    ///
    /// # Errors
    /// As [`Client::proved_params`].
    pub(crate) async fn room(&self) -> Result<Room, ClientError> {
        Ok(Room::of(&self.proved_params().await?))
    }

    /// The limits of the chain that are in force, proved.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when it is proved that there are none; else as [`Client::prove`].
    pub async fn proved_params(&self) -> Result<ChainParams, ClientError> {
        let params = self.proved_record(StateKey::Params, None).await?.value;
        params.ok_or_else(|| ClientError::NotFound {
            what: "limits of the chain".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::TransactionBuilder;
    use cairn_crypto::{Digest, SigningKey};
    use cairn_runtime::AccountId;

    fn operation(bytes: usize) -> Operation {
        Operation::CreateNamespace {
            namespace: "x".repeat(bytes),
        }
    }

    /// Bytes of a signed transaction of these.
    fn encoded(operations: &[Operation]) -> u64 {
        let key = SigningKey::generate().unwrap();
        let signed =
            TransactionBuilder::new(Digest::ZERO, AccountId::of(key.public_key()), u32::MAX)
                .nonce(u64::MAX)
                .operations(operations.iter().cloned())
                .sign(&key)
                .unwrap();
        signed.encode().len() as u64
    }

    fn limits(max_transaction_bytes: u64, max_operations: u64) -> ChainParams {
        ChainParams {
            max_transaction_bytes,
            max_operations,
            ..ChainParams::default()
        }
    }

    #[test]
    fn room_is_counted_to_the_byte() {
        let row: Vec<Operation> = [10, 2_000, 1, 700].map(operation).into();
        for count in 0..=row.len() {
            let exact = encoded(&row[..count]);
            assert_eq!(Room::of(&limits(exact, 64)).fitting(&row), count);
            let less = Room::of(&limits(exact - 1, 64)).fitting(&row);
            assert_eq!(less, count.saturating_sub(1));
        }
        assert_eq!(Room::of(&limits(u64::MAX, 3)).fitting(&row), 3);
        assert_eq!(Room::of(&limits(0, 3)).fitting(&row), 0);
    }

    #[test]
    fn a_row_is_cut_into_transactions_that_the_chain_takes_and_nothing_is_lost() {
        let lengths: Vec<usize> = (0..60).map(|at| at * 37 % 1_900).collect();
        let row: Vec<Operation> = lengths.iter().map(|bytes| operation(*bytes)).collect();
        for (bytes, operations) in [(7_000, 64), (9_000, 3), (u64::MAX, 1)] {
            let limits = limits(bytes, operations);
            let parts = Room::of(&limits)
                .cut("row", row.clone(), |one| one)
                .unwrap();
            for part in &parts {
                assert!(encoded(part) <= bytes && part.len() as u64 <= operations);
            }
            for pair in parts.windows(2) {
                let more = [pair[0].as_slice(), &pair[1][..1]].concat();
                let full = encoded(&more) > bytes || more.len() as u64 > operations;
                assert!(full, "a transaction had place for one more");
            }
            assert_eq!(parts.concat(), row);
        }
        let both = Room::of(&limits(u64::MAX, 1)).check("row", &row[..2]);
        let expected = matches!(
            both,
            Err(ClientError::TooManyOperations {
                got: 2,
                limit: 1,
                ..
            })
        );
        assert!(expected, "{both:?}");
        let none = Room::of(&limits(1, 1)).cut("row", Vec::new(), |one: &Operation| one);
        assert!(none.unwrap().is_empty());
    }

    #[test]
    fn what_fits_into_no_transaction_is_told_with_both_sizes() {
        let long = operation(3_000);
        let limit = encoded(std::slice::from_ref(&long)) - 1;
        let room = Room::of(&limits(limit, 64));
        let error = room.cut("namespace", vec![operation(1), long.clone()], |one| one);
        let expect = |error: ClientError, bytes: u64| match error {
            ClientError::TooLarge {
                what,
                got,
                limit: told,
            } => assert_eq!((what, got, told), ("namespace", bytes, limit)),
            other => panic!("{other}"),
        };
        expect(error.unwrap_err(), limit + 1);
        let mut beside = room.beside("namespace", &operation(1)).unwrap();
        let before = beside;
        let more = beside.extend("namespace", &long).unwrap_err();
        assert_eq!(beside, before);
        let both = [operation(1), long];
        expect(more, encoded(&both));
        let error = room.check("namespace", &both).unwrap_err();
        expect(error, encoded(&both));
    }
}
