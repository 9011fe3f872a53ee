//! Builds and signs transactions.

use cairn_crypto::{Digest, SignError, SigningKey};
use cairn_runtime::{AccountId, Operation, SignedTransaction, Transaction};

/// How many blocks after the present one a transaction expires, unless told otherwise.
pub const EXPIRY_BLOCKS: u64 = 500;

/// A transaction in the making: who sends it to which chain, and then what.
///
/// ```
/// use cairn_client::TransactionBuilder;
/// use cairn_crypto::{Digest, SigningKey};
/// use cairn_runtime::{AccountId, Operation};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::generate()?;
/// let signed = TransactionBuilder::new(Digest::ZERO, AccountId::of(key.public_key()), 0)
///     .nonce(7)
///     .at_height(1_000)
///     .operation(Operation::CreateNamespace { namespace: "acme".into() })
///     .sign(&key)?;
/// assert_eq!(signed.transaction.expires_at_height, 1_500);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TransactionBuilder {
    transaction: Transaction,
}

impl TransactionBuilder {
    /// Begins with chain, sender and the index of the sender's key that will sign. The nonce is 0, the expiry that of
    /// height 0.
    pub fn new(chain_id: Digest, sender: AccountId, key_index: u32) -> Self {
        Self {
            transaction: Transaction {
                chain_id,
                sender,
                key_index,
                nonce: 0,
                expires_at_height: EXPIRY_BLOCKS,
                ops: Vec::new(),
            },
        }
    }

    /// The sender's next nonce.
    pub fn nonce(mut self, nonce: u64) -> Self {
        self.transaction.nonce = nonce;
        self
    }

    /// Expires [`EXPIRY_BLOCKS`] blocks after this height, the present one.
    pub fn at_height(self, height: u64) -> Self {
        self.expires_at_height(height.saturating_add(EXPIRY_BLOCKS))
    }

    /// The last height at which it may be executed.
    pub fn expires_at_height(mut self, height: u64) -> Self {
        self.transaction.expires_at_height = height;
        self
    }

    /// Adds an operation.
    pub fn operation(mut self, operation: Operation) -> Self {
        self.transaction.ops.push(operation);
        self
    }

    /// Adds operations, in order.
    pub fn operations(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.transaction.ops.extend(operations);
        self
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`SignError`] if the key cannot sign.
    pub fn sign(self, key: &SigningKey) -> Result<SignedTransaction, SignError> {
        self.transaction.sign(key)
    }
}
