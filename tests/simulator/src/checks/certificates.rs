//! Whether a certificate is a quorum of valid signatures, from its bytes alone.

use crate::committee::Committee;
use crate::signing::{self, Scheme};
use cairn_consensus::{
    CommitVote, FinalityCert, QuorumCert, SignerSet, TimeoutCert, ValidatorIndex, Vote,
};
use cairn_crypto::{Digest, Signature};
use std::sync::Arc;

/// Decides on certificates.
#[derive(Debug)]
pub(super) struct Judge {
    committee: Arc<Committee>,
    scheme: Scheme,
}

/// The seats whose bits are set, from the Borsh bytes: a length in four bytes, then eight seats a byte.
fn seats_of(signers: &SignerSet) -> Vec<usize> {
    let bytes = borsh::to_vec(signers).unwrap_or_default();
    let mut seats = Vec::new();
    for (place, byte) in bytes.iter().skip(4).enumerate() {
        for bit in 0..8 {
            if byte >> bit & 1 == 1 {
                seats.push(place * 8 + bit);
            }
        }
    }
    seats
}

impl Judge {
    pub(super) fn new(committee: &Arc<Committee>, scheme: Scheme) -> Self {
        Self {
            committee: Arc::clone(committee),
            scheme,
        }
    }

    pub(super) fn quorum(&self, certificate: &QuorumCert) -> Result<(), String> {
        let mut statement = self.place(&certificate.chain_id, certificate.epoch.0);
        statement.extend_from_slice(&certificate.round.0.to_le_bytes());
        statement.extend_from_slice(certificate.block_id.0.as_bytes());
        self.signed(
            certificate.epoch.0,
            &certificate.signers,
            &certificate.signatures,
            "cairn/vote/v1",
            |_| statement.clone(),
        )
    }

    pub(super) fn finality(&self, certificate: &FinalityCert) -> Result<(), String> {
        let mut statement = self.place(&certificate.chain_id, certificate.epoch.0);
        statement.extend_from_slice(&certificate.round.0.to_le_bytes());
        statement.extend_from_slice(&certificate.height.0.to_le_bytes());
        statement.extend_from_slice(certificate.block_id.0.as_bytes());
        self.signed(
            certificate.epoch.0,
            &certificate.signers,
            &certificate.signatures,
            "cairn/commit/v1",
            |_| statement.clone(),
        )
    }

    pub(super) fn timeout(&self, certificate: &TimeoutCert) -> Result<(), String> {
        let mut statement = self.place(&certificate.chain_id, certificate.epoch.0);
        statement.extend_from_slice(&certificate.round.0.to_le_bytes());
        let claims = &certificate.high_qc_rounds;
        if claims.len() != certificate.signatures.len() {
            return Err(format!(
                "{} claims, {} signatures",
                claims.len(),
                certificate.signatures.len()
            ));
        }
        if let Some(claim) = claims.iter().find(|claim| **claim >= certificate.round) {
            return Err(format!("a claim of round {claim}"));
        }
        self.signed(
            certificate.epoch.0,
            &certificate.signers,
            &certificate.signatures,
            "cairn/timeout/v1",
            |position| {
                let mut statement = statement.clone();
                statement.extend_from_slice(&claims[position].0.to_le_bytes());
                statement
            },
        )
    }

    /// Whether a vote is its voter's.
    pub(super) fn is_vote(&self, vote: &Vote) -> bool {
        let mut statement = self.place(&vote.chain_id, vote.epoch.0);
        statement.extend_from_slice(&vote.round.0.to_le_bytes());
        statement.extend_from_slice(vote.block_id.0.as_bytes());
        let signature = &vote.signature;
        self.member(vote.epoch.0, vote.voter)
            .is_some_and(|member| self.is_signed(member, "cairn/vote/v1", &statement, signature))
    }

    /// Whether a commit vote is its voter's.
    pub(super) fn is_commit_vote(&self, vote: &CommitVote) -> bool {
        let mut statement = self.place(&vote.chain_id, vote.epoch.0);
        statement.extend_from_slice(&vote.round.0.to_le_bytes());
        statement.extend_from_slice(&vote.height.0.to_le_bytes());
        statement.extend_from_slice(vote.block_id.0.as_bytes());
        let signature = &vote.signature;
        self.member(vote.epoch.0, vote.voter)
            .is_some_and(|member| self.is_signed(member, "cairn/commit/v1", &statement, signature))
    }

    /// Who has a seat.
    pub(super) fn member(&self, epoch: u64, seat: ValidatorIndex) -> Option<usize> {
        let epoch = usize::try_from(epoch).ok()?;
        let seats = self.committee.seats.get(epoch)?;
        seats.get(usize::from(seat.0)).map(|(member, _)| *member)
    }

    fn place(&self, chain_id: &Digest, epoch: u64) -> Vec<u8> {
        let mut statement = Vec::with_capacity(128);
        statement.extend_from_slice(chain_id.as_bytes());
        statement.extend_from_slice(&epoch.to_le_bytes());
        statement
    }

    fn signed(
        &self,
        epoch: u64,
        signers: &SignerSet,
        signatures: &[Signature],
        tag: &str,
        statement: impl Fn(usize) -> Vec<u8>,
    ) -> Result<(), String> {
        let epoch = usize::try_from(epoch).unwrap_or(usize::MAX);
        let seats = self
            .committee
            .seats
            .get(epoch)
            .ok_or_else(|| format!("there is no epoch {epoch}"))?;
        let signers = seats_of(signers);
        if signers.len() != signatures.len() {
            return Err(format!(
                "{} signers, {} signatures",
                signers.len(),
                signatures.len()
            ));
        }
        let mut power = 0;
        for (position, (seat, signature)) in signers.iter().zip(signatures).enumerate() {
            let (member, weight) = seats
                .get(*seat)
                .ok_or_else(|| format!("nobody has seat {seat}"))?;
            if !self.is_signed(*member, tag, &statement(position), signature) {
                return Err(format!("the signature of seat {seat} is wrong"));
            }
            power += weight;
        }
        let total: u64 = seats.iter().map(|(_, weight)| weight).sum();
        if 3 * (total - power) >= total {
            return Err(format!("{power} of {total} power signed"));
        }
        Ok(())
    }

    fn is_signed(&self, member: usize, tag: &str, statement: &[u8], signature: &Signature) -> bool {
        match self.scheme {
            Scheme::Stub => {
                let fingerprint = signing::fingerprint(member);
                signing::is_stub_signature(&fingerprint, tag, statement, signature)
            }
            Scheme::MlDsa87 => {
                let bytes = [tag.as_bytes(), &[0], statement].concat();
                let key = signing::public_key(member);
                key.verify_raw(&bytes, signature).is_ok()
            }
        }
    }
}
