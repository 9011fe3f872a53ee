//! The JSON of a key file, and the part of it that the encryption authenticates.

use std::path::Path;

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::passphrase::{Argon2Params, derive};
use super::{KeyFileError, KeyMaterial, PublicKeys};
use crate::aead;
use crate::domain::{self, signing_bytes};

/// The value of `cairn_key` in files of this form.
const VERSION: u32 = 1;
const SALT_LEN: usize = 32;

/// Fields that nothing authenticates would be fields to play with, so unknown ones are refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    cairn_key: u32,
    kind: String,
    public: serde_json::Value,
    kdf: Kdf,
    #[serde(with = "crate::raw_bytes::base64_array")]
    nonce: [u8; aead::NONCE_LEN],
    #[serde(with = "base64_vec")]
    ciphertext: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    algorithm: KdfAlgorithm,
    m: u32,
    t: u32,
    p: u32,
    #[serde(with = "crate::raw_bytes::base64_array")]
    salt: [u8; SALT_LEN],
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KdfAlgorithm {
    Argon2id,
}

/// What of the file is authenticated beside the secrets.
fn associated_data(public: &PublicKeys, params: Argon2Params, salt: &[u8; SALT_LEN]) -> Vec<u8> {
    let kdf = (params.memory_kib, params.passes, params.lanes, salt);
    signing_bytes(domain::KEY_FILE, &(VERSION, public, kdf))
}

/// The text of a key file.
pub(super) fn encrypt(
    material: &KeyMaterial,
    passphrase: &str,
    params: Argon2Params,
) -> Result<String, KeyFileError> {
    let mut salt = [0; SALT_LEN];
    let mut nonce = [0; aead::NONCE_LEN];
    rand::fill(&mut salt).map_err(|_| KeyFileError::Encrypt)?;
    rand::fill(&mut nonce).map_err(|_| KeyFileError::Encrypt)?;

    let public = material.public_keys()?;
    let key = derive(passphrase, &salt, params)?;
    let associated = associated_data(&public, params, &salt);
    let mut buffer = material.to_plaintext();
    aead::seal_in_place(&key, &nonce, &associated, &mut buffer)
        .map_err(|_| KeyFileError::Encrypt)?;

    let (kind, public) = match &public {
        PublicKeys::Account {
            signing,
            encapsulation,
        } => (
            "account",
            json!({ "signing": signing, "encapsulation": encapsulation }),
        ),
        PublicKeys::Node {
            consensus,
            transport,
        } => (
            "node",
            json!({ "consensus": consensus, "transport": transport }),
        ),
    };
    let file = KeyFile {
        cairn_key: VERSION,
        kind: kind.into(),
        public,
        kdf: Kdf {
            algorithm: KdfAlgorithm::Argon2id,
            m: params.memory_kib,
            t: params.passes,
            p: params.lanes,
            salt,
        },
        nonce,
        ciphertext: buffer.to_vec(),
    };
    let mut text =
        serde_json::to_string_pretty(&file).expect("strings, numbers and maps with string keys");
    text.push('\n');
    Ok(text)
}

/// The secrets in the text of the key file that was read from `path`.
pub(super) fn decrypt(
    path: &Path,
    text: &str,
    passphrase: &str,
) -> Result<KeyMaterial, KeyFileError> {
    let (file, public) = parse(path, text)?;
    let params = Argon2Params {
        memory_kib: file.kdf.m,
        passes: file.kdf.t,
        lanes: file.kdf.p,
    };
    let key = derive(passphrase, &file.kdf.salt, params)?;
    let associated = associated_data(&public, params, &file.kdf.salt);
    let mut buffer = Zeroizing::new(file.ciphertext);
    let plain = aead::open_in_place(&key, &file.nonce, &associated, &mut buffer)
        .map_err(|_| KeyFileError::WrongPassphrase { path: path.into() })?;

    let damaged = |reason: String| KeyFileError::Damaged {
        path: path.into(),
        reason,
    };
    let material = KeyMaterial::from_plaintext(plain).map_err(damaged)?;
    if material.public_keys()? != public {
        return Err(damaged("they are not those of its public keys".into()));
    }
    Ok(material)
}

/// The public keys in the text of the key file that was read from `path`, unchecked.
pub(super) fn public_keys(path: &Path, text: &str) -> Result<PublicKeys, KeyFileError> {
    Ok(parse(path, text)?.1)
}

fn parse(path: &Path, text: &str) -> Result<(KeyFile, PublicKeys), KeyFileError> {
    let not_a_key_file = |reason: String| KeyFileError::NotAKeyFile {
        path: path.into(),
        reason,
    };
    let file: KeyFile =
        serde_json::from_str(text).map_err(|error| not_a_key_file(error.to_string()))?;
    if file.cairn_key != VERSION {
        return Err(not_a_key_file(format!(
            "its form is number {}, and this software reads number {VERSION}",
            file.cairn_key
        )));
    }
    let keys = json!({ "kind": file.kind, "public": file.public });
    let public = serde_json::from_value(keys)
        .map_err(|error| not_a_key_file(format!("public keys: {error}")))?;
    Ok((file, public))
}

/// Bytes of any number as base64.
mod base64_vec {
    use serde::{Deserializer, Serializer};

    use crate::raw_bytes::{from_base64, to_base64};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_base64(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        from_base64(deserializer)
    }
}
