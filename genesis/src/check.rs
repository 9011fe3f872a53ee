//! Everything that must hold before a node starts from a document, or an auditor trusts one.

use crate::document::{FORMAT, GenesisDocument, Kind, SUITE_ML_DSA_87};
use crate::{GenesisError, TransportBinding};
use cairn_consensus::ValidatorSet;
use cairn_crypto::{Digest, EncapsulationKey, PublicKey};
use cairn_runtime::{AccountId, Possession, ValidatorRecord};
use std::collections::{BTreeMap, BTreeSet};

/// Fewest validators of a production network: with 32, ten may be faulty (a quorum is 22).
pub const MIN_PRODUCTION_VALIDATORS: usize = 32;

/// Last millisecond of the year 9999: later times have no common text form.
const LAST_TIMESTAMP_MS: u64 = 253_402_300_799_999;

impl GenesisDocument {
    /// Checks the whole document: its format, names and parameters, that there are enough validators for its
    /// kind, none of them and no operator too powerful, that no key stands for two things, that both keys of every validator signed their
    /// binding and every account proved possession of its keys, that somebody is Admin, and that the state
    /// can be built.
    ///
    /// # Errors
    /// The first thing that is wrong, with the values that disagree.
    pub fn check(&self) -> Result<(), GenesisError> {
        if self.format != FORMAT {
            return Err(GenesisError::Format { got: self.format });
        }
        if self.signature_suite != SUITE_ML_DSA_87 {
            return Err(GenesisError::Suite {
                got: self.signature_suite,
            });
        }
        network_name(&self.network)?;
        if self.timestamp_ms == 0 || self.timestamp_ms > LAST_TIMESTAMP_MS {
            return Err(GenesisError::Timestamp {
                got: self.timestamp_ms,
            });
        }
        self.check_consensus_params()?;
        self.check_validators()?;
        self.check_keys_are_distinct()?;
        // Possession of the accounts' keys, roles and the one Admin that there must be, validators' ids: the rules of
        // the ledger, where the ledger keeps them.
        self.state_diff()?;
        Ok(())
    }

    fn check_consensus_params(&self) -> Result<(), GenesisError> {
        let params = &self.consensus;
        for (name, got) in [
            ("base_timeout_ms", params.base_timeout_ms),
            ("heartbeat_ms", params.heartbeat_ms),
            ("max_clock_skew_ms", params.max_clock_skew_ms),
        ] {
            if got == 0 {
                return Err(GenesisError::Parameter {
                    name,
                    got,
                    rule: "above 0",
                });
            }
        }
        Ok(())
    }

    fn check_validators(&self) -> Result<(), GenesisError> {
        let validators = &self.state.validators;
        if self.kind == Kind::Production && validators.len() < MIN_PRODUCTION_VALIDATORS {
            return Err(GenesisError::TooFewValidators {
                got: validators.len(),
            });
        }
        let promised = self.state.params.min_validators;
        if self.kind == Kind::Production && promised < MIN_PRODUCTION_VALIDATORS as u64 {
            return Err(GenesisError::Parameter {
                name: "min_validators",
                got: promised,
                rule: "at least 32 in a production network",
            });
        }
        if validators.len() != self.bindings.len() {
            return Err(GenesisError::BindingCount {
                validators: validators.len(),
                bindings: self.bindings.len(),
            });
        }
        let set = self.validator_set()?;
        let mut names = BTreeSet::new();
        for (validator, binding) in validators.iter().zip(&self.bindings) {
            check_validator(&self.network, validator, binding)?;
            if !names.insert(&validator.name) {
                return Err(GenesisError::DuplicateName {
                    name: validator.name.clone(),
                });
            }
            // Whoever holds more than f can stop the chain alone, and the count of validators is for show.
            if self.kind == Kind::Production && validator.power > set.faulty_power() {
                return Err(GenesisError::TooPowerful {
                    name: validator.name.clone(),
                    power: validator.power,
                    total: set.total_power(),
                    faulty: set.faulty_power(),
                });
            }
        }
        if self.kind == Kind::Production {
            check_operators(validators, &set)?;
        }
        Ok(())
    }

    /// A key that served two purposes could have a signature for one of them replayed for the other's owner, and
    /// its loss would be two losses.
    fn check_keys_are_distinct(&self) -> Result<(), GenesisError> {
        let mut seen: BTreeMap<Digest, String> = BTreeMap::new();
        let mut distinct = |key: &PublicKey, place: String| {
            let fingerprint = key.fingerprint();
            match seen.insert(fingerprint, place.clone()) {
                None => Ok(()),
                Some(first) => Err(GenesisError::DuplicateKey {
                    first,
                    second: place,
                    fingerprint,
                }),
            }
        };
        for validator in &self.state.validators {
            distinct(
                &validator.consensus_key,
                format!("validator {:?} (consensus)", validator.name),
            )?;
            distinct(
                &validator.transport_key,
                format!("validator {:?} (transport)", validator.name),
            )?;
        }
        for account in &self.state.accounts {
            distinct(
                &account.signing_key,
                format!("account {:?}", account.display_name),
            )?;
        }
        Ok(())
    }
}

/// An operator signs for all of its validators: in governance they are one, and one lost key is the loss of all.
fn check_operators(validators: &[ValidatorRecord], set: &ValidatorSet) -> Result<(), GenesisError> {
    let mut operated: BTreeMap<AccountId, u64> = BTreeMap::new();
    for validator in validators {
        let power = operated.entry(validator.operator).or_default();
        *power = power.saturating_add(validator.power);
    }
    for (operator, power) in operated {
        if power > set.faulty_power() {
            return Err(GenesisError::OperatorTooPowerful {
                operator,
                power,
                total: set.total_power(),
                faulty: set.faulty_power(),
            });
        }
    }
    Ok(())
}

/// What an account's signing key signs to be in a genesis document: the chain id does not exist yet.
pub(crate) fn possession(signing_key: &PublicKey, encryption_key: &EncapsulationKey) -> Possession {
    Possession {
        chain_id: Digest::ZERO,
        account: AccountId::of(signing_key),
        key_index: 0,
        signing_key: signing_key.clone(),
        encryption_key: encryption_key.clone(),
    }
}

pub(crate) fn check_validator(
    network: &str,
    validator: &ValidatorRecord,
    binding: &TransportBinding,
) -> Result<(), GenesisError> {
    let name = &validator.name;
    let long = name.chars().count() > 64;
    if name.is_empty() || long || name.chars().any(char::is_control) {
        return Err(GenesisError::ValidatorName { got: name.clone() });
    }
    binding
        .verify(
            network,
            validator.operator,
            &validator.consensus_key,
            &validator.transport_key,
        )
        .map_err(|_| GenesisError::Binding { name: name.clone() })
}

pub(crate) fn network_name(name: &str) -> Result<(), GenesisError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(GenesisError::Network {
            got: name.to_owned(),
        });
    }
    Ok(())
}
