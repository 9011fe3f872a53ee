//! A validator's two keys, bound to each other.

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{BadSignature, PublicKey, SignError, Signature, SigningKey, domain};
use cairn_runtime::AccountId;
use serde::{Deserialize, Serialize};

/// Signatures by both keys of a validator over the pair of them and its operator: whoever holds the consensus key
/// also holds the transport key, wants them used together, and wants that account to sign transactions for the
/// validator. It is also each key's proof of possession.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransportBinding {
    /// By the consensus key.
    pub consensus_signature: Signature,
    /// By the transport key.
    pub transport_signature: Signature,
}

/// What both keys sign, under `cairn/transport-binding/v1`. The network's name keeps a binding made for one
/// network (a test network, say) out of another; the chain id does not exist yet when it is made.
#[derive(BorshSerialize)]
struct Body<'a> {
    network: &'a str,
    operator: AccountId,
    consensus_key: &'a PublicKey,
    transport_key: &'a PublicKey,
}

/// Binds a validator's consensus key, transport key and operator account for one network.
///
/// # Errors
/// When one of the keys cannot sign.
pub fn bind(
    network: &str,
    operator: AccountId,
    consensus: &SigningKey,
    transport: &SigningKey,
) -> Result<TransportBinding, SignError> {
    let body = Body {
        network,
        operator,
        consensus_key: consensus.public_key(),
        transport_key: transport.public_key(),
    };
    Ok(TransportBinding {
        consensus_signature: consensus.sign(domain::TRANSPORT_BINDING, &body)?,
        transport_signature: transport.sign(domain::TRANSPORT_BINDING, &body)?,
    })
}

impl TransportBinding {
    /// Checks both signatures.
    ///
    /// # Errors
    /// [`BadSignature`] when either was not made by its key over these keys, this operator and this network.
    pub fn verify(
        &self,
        network: &str,
        operator: AccountId,
        consensus_key: &PublicKey,
        transport_key: &PublicKey,
    ) -> Result<(), BadSignature> {
        let body = Body {
            network,
            operator,
            consensus_key,
            transport_key,
        };
        consensus_key.verify(domain::TRANSPORT_BINDING, &body, &self.consensus_signature)?;
        transport_key.verify(domain::TRANSPORT_BINDING, &body, &self.transport_signature)
    }
}
