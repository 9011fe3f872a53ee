//! Checking certificates whole.

use crate::{
    FinalityCert, MlDsa87, QuorumCert, Round, SignatureVerifier, SignerSet, Statement, TimeoutCert,
    ValidatorIndex, ValidatorSet,
};
use cairn_crypto::{Digest, Signature};

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Made for another chain.
    #[error("the certificate is for chain {got}, this is chain {expected}")]
    WrongChain {
        /// This chain.
        expected: Digest,
        /// The chain that it names.
        got: Digest,
    },
    /// The bitmap does not belong to this validator set.
    #[error("the signer bitmap does not fit a set of {validators} validators")]
    Signers {
        /// Members of the set.
        validators: usize,
    },
    /// Not one signature (or claim) for each signer.
    #[error("{signers} signers but {got} signatures or claims")]
    Count {
        /// Bits set.
        signers: usize,
        /// Entries that came with them.
        got: usize,
    },
    /// Too little voting power.
    #[error("the signers have {power} of the {quorum} voting power that a quorum needs")]
    NoQuorum {
        /// Power of the signers.
        power: u64,
        /// Power of a quorum.
        quorum: u64,
    },
    /// A timeout that claims a certificate of its own round or a later one.
    #[error(
        "validator {voter} claims a certificate of round {claim} while timing out round {round}"
    )]
    Claim {
        /// Who claims.
        voter: ValidatorIndex,
        /// The claim.
        claim: Round,
        /// The round that timed out.
        round: Round,
    },
    /// One signature is wrong.
    #[error("the signature of validator {voter} is wrong")]
    BadSignature {
        /// Whose.
        voter: ValidatorIndex,
    },
}

/// Checks all that does not need the signatures.
fn check_signers(
    chain_id: (&Digest, &Digest),
    signers: &SignerSet,
    entries: usize,
    validators: &ValidatorSet,
) -> Result<(), CertificateError> {
    let (expected, got) = chain_id;
    if expected != got {
        return Err(CertificateError::WrongChain {
            expected: *expected,
            got: *got,
        });
    }
    if !signers.fits(validators) {
        return Err(CertificateError::Signers {
            validators: validators.len(),
        });
    }
    if signers.len() != entries {
        return Err(CertificateError::Count {
            signers: signers.len(),
            got: entries,
        });
    }
    let (power, quorum) = (signers.power(validators), validators.quorum_power());
    if power < quorum {
        return Err(CertificateError::NoQuorum { power, quorum });
    }
    Ok(())
}

fn check_signature<S: Statement>(
    statement: &S,
    voter: ValidatorIndex,
    signature: &Signature,
    validators: &ValidatorSet,
    verifier: &dyn SignatureVerifier,
) -> Result<(), CertificateError> {
    validators
        .get(voter)
        .filter(|validator| {
            let checked = statement.verify_with(&validator.key, signature, verifier);
            checked.is_ok()
        })
        .map(|_| ())
        .ok_or(CertificateError::BadSignature { voter })
}

impl QuorumCert {
    /// Checks everything, each signature included. `validators` is the set of `self.epoch`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
    ) -> Result<(), CertificateError> {
        self.verify_with(validators, chain_id, &MlDsa87)
    }

    /// [`Self::verify`] with another signature scheme.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify_with(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
        verifier: &dyn SignatureVerifier,
    ) -> Result<(), CertificateError> {
        let chains = (chain_id, &self.chain_id);
        check_signers(chains, &self.signers, self.signatures.len(), validators)?;
        let body = self.body();
        for (voter, signature) in self.signers.iter().zip(&self.signatures) {
            check_signature(&body, voter, signature, validators, verifier)?;
        }
        Ok(())
    }
}

impl FinalityCert {
    /// Checks everything, each signature included. `validators` is the set of `self.epoch`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
    ) -> Result<(), CertificateError> {
        self.verify_with(validators, chain_id, &MlDsa87)
    }

    /// [`Self::verify`] with another signature scheme.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify_with(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
        verifier: &dyn SignatureVerifier,
    ) -> Result<(), CertificateError> {
        let chains = (chain_id, &self.chain_id);
        check_signers(chains, &self.signers, self.signatures.len(), validators)?;
        let body = self.body();
        for (voter, signature) in self.signers.iter().zip(&self.signatures) {
            check_signature(&body, voter, signature, validators, verifier)?;
        }
        Ok(())
    }
}

impl TimeoutCert {
    /// Checks everything, each signature included. `validators` is the set of `self.epoch`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
    ) -> Result<(), CertificateError> {
        self.verify_with(validators, chain_id, &MlDsa87)
    }

    /// [`Self::verify`] with another signature scheme.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify_with(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
        verifier: &dyn SignatureVerifier,
    ) -> Result<(), CertificateError> {
        let entries = self.signatures.len();
        let chains = (chain_id, &self.chain_id);
        check_signers(chains, &self.signers, entries, validators)?;
        if self.high_qc_rounds.len() != entries {
            return Err(CertificateError::Count {
                signers: entries,
                got: self.high_qc_rounds.len(),
            });
        }
        let claims = self.high_qc_rounds.iter().zip(&self.signatures);
        for (voter, (claim, signature)) in self.signers.iter().zip(claims) {
            if *claim >= self.round {
                return Err(CertificateError::Claim {
                    voter,
                    claim: *claim,
                    round: self.round,
                });
            }
            let body = self.body(*claim);
            check_signature(&body, voter, signature, validators, verifier)?;
        }
        Ok(())
    }
}
