//! Why a key, a signature or a ciphertext was refused before it was used.

use thiserror::Error;

/// A key, signature or ciphertext that cannot be made or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not the length that the standard gives.
    #[error("{what} has {found} bytes, expected exactly {expected}")]
    Length {
        /// What was to be read.
        what: &'static str,
        /// The length that the standard gives.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// An encapsulation key with a coefficient that is not reduced (FIPS 203 section 7.2).
    #[error(
        "coefficient {index} of the ML-KEM-1024 encapsulation key is {value}, expected less than 3329"
    )]
    Modulus {
        /// Which of the 1,024 coefficients.
        index: usize,
        /// Its value.
        value: u16,
    },
    /// A decapsulation key whose stored hash is not that of its encapsulation key (FIPS 203 section
    /// 7.3).
    #[error(
        "the ML-KEM-1024 decapsulation key is damaged: its hash does not match its encapsulation key"
    )]
    KeyHash,
    /// The library refused the bytes although their length is right.
    #[error("the cryptographic library refused the {what}")]
    Refused {
        /// What was to be read.
        what: &'static str,
    },
    /// No key could be made: the system's random generator or memory failed.
    #[error("cannot generate the {what}: the system's random number generator or memory failed")]
    Generation {
        /// What was to be made.
        what: &'static str,
    },
}
