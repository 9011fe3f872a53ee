//! `model.sig`: a Sigstore bundle v0.3 around an envelope that an ECDSA key has signed.

use serde::{Deserialize, Serialize};

use super::SignatureError;
use super::dsse::{Envelope, json, pae};
use super::ecdsa::{EcdsaPublicKey, EcdsaSigner};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: KeyHint,
}

#[derive(Serialize, Deserialize)]
struct KeyHint {
    hint: String,
}

/// The content of `model.sig`.
pub(super) fn sign(payload: &[u8], key: &EcdsaSigner) -> Result<Vec<u8>, SignatureError> {
    let signature = key.sign(&pae(payload))?;
    let bundle = Bundle {
        media_type: MEDIA_TYPE.to_owned(),
        verification_material: Material {
            public_key: KeyHint {
                hint: key.public_key().hint(),
            },
        },
        dsse_envelope: Envelope::new(payload, String::new(), &signature),
    };
    Ok(serde_json::to_vec(&bundle).expect("strings and lists have a JSON form"))
}

/// Verifies the signature and returns the payload.
pub(super) fn verify(bytes: &[u8], key: &EcdsaPublicKey) -> Result<Vec<u8>, SignatureError> {
    let bundle: Bundle = json(bytes)?;
    if bundle.media_type != MEDIA_TYPE {
        return Err(SignatureError::Field {
            field: "mediaType",
            expected: MEDIA_TYPE.to_owned(),
            got: bundle.media_type,
        });
    }
    let (expected, got) = (key.hint(), bundle.verification_material.public_key.hint);
    if got != expected {
        return Err(SignatureError::OtherKey { expected, got });
    }
    let (payload, _, signature) = bundle.dsse_envelope.parts()?;
    key.verify(&pae(&payload), &signature)?;
    Ok(payload)
}
