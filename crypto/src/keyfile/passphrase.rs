//! From a passphrase to a key: Argon2id, version 1.3 (RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;
use zeroize::Zeroizing;

/// How much work a passphrase costs. Kept in the key file, within limits, so that a file cannot make its reader run
/// out of memory or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    /// Memory in KiB (`m`), at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory (`t`).
    pub passes: u32,
    /// Lanes (`p`).
    pub lanes: u32,
}

impl Argon2Params {
    /// 64 MiB, 3 passes, one lane: the second recommended option of RFC 9106 section 4, with one lane.
    pub const DEFAULT: Argon2Params = Argon2Params {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    /// 1 MiB, one pass, one lane: for keys that protect nothing, as those of a development network. Never for a real
    /// passphrase.
    pub const LIGHT: Argon2Params = Argon2Params {
        memory_kib: 1024,
        passes: 1,
        lanes: 1,
    };

    /// The most memory that a file may ask for, in KiB: 1 GiB.
    pub const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    /// The most passes that a file may ask for.
    pub const MAX_PASSES: u32 = 16;
    /// The most lanes that a file may ask for.
    pub const MAX_LANES: u32 = 16;

    fn checked(self) -> Result<Params, ParamsError> {
        let refused = ParamsError {
            memory_kib: self.memory_kib,
            passes: self.passes,
            lanes: self.lanes,
        };
        if self.memory_kib > Self::MAX_MEMORY_KIB
            || self.passes > Self::MAX_PASSES
            || self.lanes > Self::MAX_LANES
        {
            return Err(refused);
        }
        Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(|_| refused)
    }
}

impl Default for Argon2Params {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Argon2id parameters outside the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "Argon2id parameters m={memory_kib} KiB, t={passes}, p={lanes} are outside the limits: m from 8 for each lane to {}, t from 1 to {}, p from 1 to {}",
    Argon2Params::MAX_MEMORY_KIB,
    Argon2Params::MAX_PASSES,
    Argon2Params::MAX_LANES
)]
pub struct ParamsError {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// The key of a passphrase. The limits are checked before any memory is taken.
pub(super) fn derive(
    passphrase: &str,
    salt: &[u8; 32],
    params: Argon2Params,
) -> Result<Zeroizing<[u8; 32]>, ParamsError> {
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.checked()?)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| ParamsError {
            memory_kib: params.memory_kib,
            passes: params.passes,
            lanes: params.lanes,
        })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_limit_is_enforced() {
        let good = Argon2Params::LIGHT;
        assert!(derive("p", &[0; 32], good).is_ok());
        for bad in [
            Argon2Params {
                memory_kib: 7,
                ..good
            },
            Argon2Params {
                memory_kib: Argon2Params::MAX_MEMORY_KIB + 1,
                ..good
            },
            Argon2Params { passes: 0, ..good },
            Argon2Params {
                passes: Argon2Params::MAX_PASSES + 1,
                ..good
            },
            Argon2Params { lanes: 0, ..good },
            Argon2Params {
                lanes: Argon2Params::MAX_LANES + 1,
                ..good
            },
            Argon2Params {
                memory_kib: 8,
                lanes: 2,
                ..good
            },
        ] {
            assert!(derive("p", &[0; 32], bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn passphrase_salt_and_every_parameter_change_the_key() {
        let light = Argon2Params::LIGHT;
        let key = |passphrase, salt, params| derive(passphrase, &[salt; 32], params).unwrap();
        let first = key("p", 0, light);
        assert_eq!(first, key("p", 0, light));
        assert_ne!(first, key("q", 0, light));
        assert_ne!(first, key("p", 1, light));
        assert_ne!(
            first,
            key(
                "p",
                0,
                Argon2Params {
                    memory_kib: 1032,
                    ..light
                }
            )
        );
        assert_ne!(first, key("p", 0, Argon2Params { passes: 2, ..light }));
        assert_ne!(first, key("p", 0, Argon2Params { lanes: 2, ..light }));
    }
}
