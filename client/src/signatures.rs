//! OpenSSF signatures of a version: checked against the manifest, and against whose keys made them.

use crate::{ClientError, Session};
use cairn_artifacts::oms::{
    ECDSA_FILE, EcdsaPublicKey, MLDSA_FILE, mldsa_key_of, verify_ecdsa, verify_mldsa,
};
use cairn_artifacts::{Manifest, PackageError, SignatureError, Signatures};
use cairn_crypto::{Digest, PublicKey};
use cairn_runtime::{KeyUse, Version, VersionId};

/// Which signature files were found and are good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedSignatures {
    /// Fingerprint of the publisher's key that has signed `model.mldsa.dsse.json`; `None` without that file.
    pub mldsa: Option<Digest>,
    /// SHA-256, in hex, of the PEM public key that has signed `model.sig`; `None` if it was not checked.
    pub ecdsa: Option<String>,
    /// There is a `model.sig`, and no key to check it with.
    pub ecdsa_unchecked: bool,
}

impl Session {
    /// Checks signature files against the manifest of a version. The ML-DSA-87 signature must be by a key that was the
    /// publisher's when the version was published, which is proved; the ECDSA signature by `ecdsa_key`, without which
    /// it is not checked, and with which it must be there.
    ///
    /// # Errors
    /// [`ClientError::Package`] with [`PackageError::Signature`], and what [`crate::Client::prove`] says.
    pub async fn verify_signatures(
        &self,
        signatures: &Signatures,
        id: &VersionId,
        manifest: &Manifest,
        ecdsa_key: Option<&EcdsaPublicKey>,
    ) -> Result<CheckedSignatures, ClientError> {
        let name = id.to_string();
        let mut checked = CheckedSignatures::default();
        match (&signatures.ecdsa, ecdsa_key) {
            (Some(bytes), Some(key)) => {
                verify_ecdsa(bytes, key, &name, manifest)?;
                checked.ecdsa = Some(key.hint());
            }
            (Some(_), None) => checked.ecdsa_unchecked = true,
            (None, Some(_)) => {
                return Err(signature(
                    ECDSA_FILE,
                    "there is none to check the key against",
                ));
            }
            (None, None) => {}
        }
        if let Some(bytes) = &signatures.mldsa {
            let version = self.client().proved_version(id).await?;
            let fingerprint = mldsa_key_of(bytes)?;
            let key = self.publishers_key(&version, &fingerprint).await?;
            verify_mldsa(bytes, &key, &name, manifest)?;
            checked.mldsa = Some(fingerprint);
        }
        Ok(checked)
    }

    /// The key with this fingerprint, if it was one that the version's owner signed with at that height.
    async fn publishers_key(
        &self,
        version: &Version,
        fingerprint: &Digest,
    ) -> Result<PublicKey, ClientError> {
        let client = self.client();
        let not_theirs = || {
            let reason = format!(
                "{fingerprint} is no key of the publisher, account {}",
                version.owner
            );
            signature(MLDSA_FILE, &reason)
        };
        let Some(KeyUse::Account { account, key_index }) = client.key_use(fingerprint).await?
        else {
            return Err(not_theirs());
        };
        if account != version.owner {
            return Err(not_theirs());
        }
        // A node has told which key it is; that it is that one is proved.
        let (key, _) = client.proved_key_at(&account, key_index).await?;
        if key.signing.fingerprint() != *fingerprint || !key.is_valid_at(version.published_at) {
            return Err(not_theirs());
        }
        Ok(key.signing)
    }
}

fn signature(file: &'static str, reason: &str) -> ClientError {
    PackageError::Signature {
        file,
        source: SignatureError::Malformed {
            reason: reason.to_owned(),
        },
    }
    .into()
}
