//! DSSE envelopes (secure-systems-lab/dsse, version 1.0) around the payload, and the one that an
//! account's ML-DSA-87 key signs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_crypto::{Digest, PublicKey, Signature, SigningKey};
use serde::{Deserialize, Serialize};

use super::{MAX_SIGNATURE_FILE, SignatureError};

/// The payload's media type.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// An envelope in its JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Serialize, Deserialize)]
struct EnvelopeSignature {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// An envelope with one signature.
    pub(super) fn new(payload: &[u8], keyid: String, signature: &[u8]) -> Self {
        Self {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid,
                sig: STANDARD.encode(signature),
            }],
        }
    }

    /// Payload, key id and signature. There must be exactly one signature.
    pub(super) fn parts(&self) -> Result<(Vec<u8>, &str, Vec<u8>), SignatureError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(SignatureError::Field {
                field: "payloadType",
                expected: PAYLOAD_TYPE.to_owned(),
                got: self.payload_type.clone(),
            });
        }
        let [signature] = self.signatures.as_slice() else {
            return Err(SignatureError::Malformed {
                reason: format!("it has {} signatures, expected 1", self.signatures.len()),
            });
        };
        let payload = base64("payload", &self.payload)?;
        let bytes = base64("sig", &signature.sig)?;
        Ok((payload, &signature.keyid, bytes))
    }
}

/// The pre-authentication encoding: what is signed.
pub(super) fn pae(payload: &[u8]) -> Vec<u8> {
    let start = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    [start.as_bytes(), payload].concat()
}

/// The content of `model.mldsa.dsse.json`. Its key id is the key's fingerprint.
pub(super) fn sign(payload: &[u8], key: &SigningKey) -> Result<Vec<u8>, SignatureError> {
    let signature = (key.sign_raw(&pae(payload))).map_err(|_| SignatureError::Sign)?;
    let keyid = key.public_key().fingerprint().to_string();
    let envelope = Envelope::new(payload, keyid, signature.as_bytes());
    Ok(serde_json::to_vec(&envelope).expect("strings and lists have a JSON form"))
}

/// The fingerprint of the key that the envelope names.
pub(super) fn key_of(bytes: &[u8]) -> Result<Digest, SignatureError> {
    let envelope = decode(bytes)?;
    let (_, keyid, _) = envelope.parts()?;
    keyid.parse().map_err(|_| SignatureError::Malformed {
        reason: format!("the key id {keyid:?} is no SHA-256"),
    })
}

/// Verifies the signature and returns the payload.
pub(super) fn verify(bytes: &[u8], key: &PublicKey) -> Result<Vec<u8>, SignatureError> {
    let envelope = decode(bytes)?;
    let (payload, keyid, signature) = envelope.parts()?;
    let expected = key.fingerprint().to_string();
    if keyid != expected {
        return Err(SignatureError::OtherKey {
            expected,
            got: keyid.to_owned(),
        });
    }
    let signature = Signature::from_bytes(&signature).map_err(|_| SignatureError::Bad)?;
    key.verify_raw(&pae(&payload), &signature)
        .map_err(|_| SignatureError::Bad)?;
    Ok(payload)
}

fn decode(bytes: &[u8]) -> Result<Envelope, SignatureError> {
    json(bytes)
}

/// Reads JSON of bounded length.
pub(super) fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, SignatureError> {
    if bytes.len() > MAX_SIGNATURE_FILE {
        return Err(SignatureError::TooLong);
    }
    serde_json::from_slice(bytes).map_err(|error| SignatureError::Malformed {
        reason: error.to_string(),
    })
}

fn base64(field: &str, text: &str) -> Result<Vec<u8>, SignatureError> {
    STANDARD
        .decode(text)
        .map_err(|error| SignatureError::Malformed {
            reason: format!("{field} is not Base64: {error}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_dsse_specification() {
        assert_eq!(pae(b"{}"), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    }
}
