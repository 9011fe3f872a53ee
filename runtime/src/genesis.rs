//! The state that a chain begins with.

use crate::epoch;
use crate::execute::BlockContext;
use crate::operations::{NewValidator, add_account, add_namespace, add_role, add_validator};
use crate::params::{MAX_VALIDATORS, ParamsError};
use crate::session::{Overlay, Session, Stop};
use crate::{
    AccountId, ChainParams, Role, Scope, StateDiff, StateError, StateKey, StateReader,
    TransactionError, ValidatorRecord,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, PublicKey, Signature, kem::EncapsulationKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use thiserror::Error;

/// Everything that is in the state at height 0.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct GenesisState {
    /// The limits of the chain.
    pub params: ChainParams,
    /// The first accounts; at least one is an Admin of the chain.
    pub accounts: Vec<GenesisAccount>,
    /// The first namespaces; there may be none.
    pub namespaces: Vec<GenesisNamespace>,
    /// The validators, in the order of the validator set.
    pub validators: Vec<ValidatorRecord>,
}

/// An account of the first hour.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct GenesisAccount {
    /// Shown to people.
    pub display_name: String,
    /// First ML-DSA-87 key; names the account.
    pub signing_key: PublicKey,
    /// First ML-KEM-1024 key.
    pub encryption_key: EncapsulationKey,
    /// The signing key's signature over [`Possession`](crate::Possession) with a chain id of zeros:
    /// the genesis document cannot name its own digest.
    pub possession: Signature,
    /// Its roles.
    pub roles: Vec<(Role, Scope)>,
}

/// A namespace of the first hour.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct GenesisNamespace {
    /// Its name.
    pub name: String,
    /// Its owner, one of the first accounts.
    pub owner: AccountId,
}

/// Why a state is no state to begin with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GenesisStateError {
    /// Parameters that no chain can run with.
    #[error("the chain parameters are wrong: {0}")]
    Params(#[from] ParamsError),
    /// An account, one of its roles, a namespace or a validator breaks the rules that hold later, too.
    #[error("{what} {index} is wrong: {error}")]
    Invalid {
        /// `account`, `namespace` or `validator`.
        what: &'static str,
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong.
        error: Box<TransactionError>,
    },
    /// Nobody could admit anybody.
    #[error("no account is an admin of the chain; give one account the role admin at scope chain")]
    NoAdmin,
    /// A validator's id is not the one of its consensus key.
    #[error("validator {index} has the id {got}, its consensus key gives {expected}")]
    WrongValidatorId {
        /// Its place in the list, from 0.
        index: usize,
        /// What its key gives.
        expected: AccountId,
        /// What stands there.
        got: AccountId,
    },
    /// A key appears twice among the validators' consensus and transport keys.
    #[error("validator {index} has a key that was used before, fingerprint {fingerprint}")]
    DuplicateValidatorKey {
        /// Its place in the list, from 0.
        index: usize,
        /// The key.
        fingerprint: Digest,
    },
    /// A validator without voting power.
    #[error("validator {index} has no voting power; give it at least 1")]
    NoPower {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// Fewer validators than the parameters promise.
    #[error("{got} validators, the parameter min_validators promises at least {minimum}")]
    TooFewValidators {
        /// How many there are.
        got: u64,
        /// How many are required.
        minimum: u64,
    },
    /// More validators than a set holds.
    #[error("{got} validators, a set holds at most {limit}")]
    TooManyValidators {
        /// How many there are.
        got: u64,
        /// How many fit.
        limit: u64,
    },
    /// The voting powers add up to more than 64 bits hold.
    #[error("the validators' voting powers add up to more than {}", u64::MAX)]
    TooMuchPower,
}

impl GenesisState {
    /// Checks the state and returns it as the changes of height 0, whose block time is `timestamp_ms`
    /// (milliseconds since the Unix epoch).
    ///
    /// # Errors
    /// [`GenesisStateError`] names the first thing that is wrong.
    pub fn diff(&self, timestamp_ms: u64) -> Result<StateDiff, GenesisStateError> {
        self.params.check()?;
        self.check_validators()?;
        let context = BlockContext {
            chain_id: Digest::ZERO,
            height: 0,
            timestamp_ms,
        };
        let mut overlay = Overlay::default();
        let nobody = AccountId(Digest::ZERO);
        let mut session = Session::new(
            &Nothing,
            &mut overlay,
            &context,
            &self.params,
            nobody,
            Digest::ZERO,
        );
        session.write(&StateKey::Params, &self.params);
        let mut ids = BTreeSet::new();
        for (index, account) in self.accounts.iter().enumerate() {
            let id = add_account(
                &mut session,
                Digest::ZERO,
                &account.display_name,
                &account.signing_key,
                &account.encryption_key,
                &account.possession,
            )
            .map_err(|stop| invalid("account", index, stop))?;
            ids.insert(id);
        }
        for (index, namespace) in self.namespaces.iter().enumerate() {
            let owner = namespace.owner;
            let known = ids.contains(&owner);
            let added = if known {
                add_namespace(&mut session, &namespace.name, owner)
            } else {
                Err(TransactionError::UnknownAccount { account: owner }.into())
            };
            added.map_err(|stop| invalid("namespace", index, stop))?;
        }
        // Roles come last: they may be scoped to the namespaces.
        for (index, account) in self.accounts.iter().enumerate() {
            let id = AccountId::of(&account.signing_key);
            for (role, scope) in &account.roles {
                self.check_scope(scope)
                    .map_err(Stop::from)
                    .and_then(|()| add_role(&mut session, id, *role, scope))
                    .map_err(|stop| invalid("account", index, stop))?;
            }
        }
        let is_admin =
            |account: &GenesisAccount| account.roles.contains(&(Role::Admin, Scope::Chain));
        if !self.accounts.iter().any(is_admin) {
            return Err(GenesisStateError::NoAdmin);
        }
        for (index, validator) in self.validators.iter().enumerate() {
            let new = NewValidator {
                name: &validator.name,
                operator: validator.operator,
                consensus_key: &validator.consensus_key,
                transport_key: &validator.transport_key,
                stake: validator.power,
            };
            add_validator(&mut session, &new).map_err(|stop| invalid("validator", index, stop))?;
        }
        epoch::begin_first(&mut session)
            .map_err(|error| invalid("validator", 0, Stop::State(error)))?;
        session.commit();
        Ok(overlay.into_diff())
    }

    fn check_scope(&self, scope: &Scope) -> Result<(), TransactionError> {
        match scope {
            Scope::Chain => Ok(()),
            Scope::Namespace(name) if self.namespaces.iter().any(|known| known.name == *name) => {
                Ok(())
            }
            Scope::Namespace(name) => Err(TransactionError::UnknownNamespace {
                namespace: name.clone(),
            }),
            Scope::Model(model) => Err(TransactionError::UnknownModel {
                model: model.clone(),
            }),
        }
    }

    fn check_validators(&self) -> Result<(), GenesisStateError> {
        let got = self.validators.len() as u64;
        // A state without validators is one that nobody decides on: of use to whoever executes it alone.
        if got > 0 && got < self.params.min_validators {
            return Err(GenesisStateError::TooFewValidators {
                got,
                minimum: self.params.min_validators,
            });
        }
        if got > MAX_VALIDATORS {
            return Err(GenesisStateError::TooManyValidators {
                got,
                limit: MAX_VALIDATORS,
            });
        }
        let mut keys = BTreeSet::new();
        let mut total = 0u64;
        for (index, validator) in self.validators.iter().enumerate() {
            let expected = AccountId::of(&validator.consensus_key);
            if validator.id != expected {
                return Err(GenesisStateError::WrongValidatorId {
                    index,
                    expected,
                    got: validator.id,
                });
            }
            for key in [&validator.consensus_key, &validator.transport_key] {
                let fingerprint = key.fingerprint();
                if !keys.insert(fingerprint) {
                    return Err(GenesisStateError::DuplicateValidatorKey { index, fingerprint });
                }
            }
            if validator.power == 0 {
                return Err(GenesisStateError::NoPower { index });
            }
            total = total
                .checked_add(validator.power)
                .ok_or(GenesisStateError::TooMuchPower)?;
        }
        Ok(())
    }
}

fn invalid(what: &'static str, index: usize, stop: Stop) -> GenesisStateError {
    match stop {
        Stop::Failed(error) => GenesisStateError::Invalid {
            what,
            index,
            error: Box::new(error),
        },
        Stop::State(error) => unreachable!("genesis reads back what it wrote: {error}"),
    }
}

/// The state before genesis.
struct Nothing;

impl StateReader for Nothing {
    fn get(&self, _: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
        Ok(None)
    }
}
