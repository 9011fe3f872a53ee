//! A second implementation of ML-DSA-87, RustCrypto's, against which every signature test is checked too.

use ml_dsa::{EncodedVerifyingKey, MlDsa87, Signature, VerifyingKey};

/// Whether RustCrypto's `ml-dsa` takes `signature` for one of `public_key` over `message`, with a context string.
pub(crate) fn verifies(
    public_key: &[u8],
    message: &[u8],
    context: &[u8],
    signature: &[u8],
) -> bool {
    let Ok(public_key) = EncodedVerifyingKey::<MlDsa87>::try_from(public_key) else {
        return false;
    };
    let Ok(signature) = Signature::<MlDsa87>::try_from(signature) else {
        return false;
    };
    VerifyingKey::<MlDsa87>::decode(&public_key).verify_with_context(message, context, &signature)
}
