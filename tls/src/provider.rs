//! What may be negotiated.

use crate::observed::{CIPHER_SUITE, KEY_EXCHANGE};
use rustls::{
    SignatureScheme, SupportedCipherSuite,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs},
};
use std::sync::Arc;

/// The AWS-LC provider of rustls, cut down to ML-KEM-1024 (FIPS 203), AES-256-GCM with SHA-384, and
/// ML-DSA-87 (FIPS 204). With a peer that offers anything else only, there is no handshake.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    let all = aws_lc_rs::default_provider();
    Arc::new(CryptoProvider {
        cipher_suites: vec![SupportedCipherSuite::Tls13(&CIPHER_SUITE)],
        kx_groups: vec![&KEY_EXCHANGE],
        signature_verification_algorithms: ml_dsa_87(&all.signature_verification_algorithms),
        ..all
    })
}

/// The entry of ML-DSA-87 alone.
fn ml_dsa_87(all: &WebPkiSupportedAlgorithms) -> WebPkiSupportedAlgorithms {
    let mapping = all.mapping;
    let at = mapping
        .iter()
        .position(|(scheme, _)| *scheme == SignatureScheme::ML_DSA_87)
        .expect("the AWS-LC provider of rustls 0.23 has ML-DSA-87");
    WebPkiSupportedAlgorithms {
        all: mapping[at].1,
        mapping: &mapping[at..=at],
    }
}

#[cfg(test)]
mod tests {
    use super::provider;
    use rustls::{CipherSuite, NamedGroup, SignatureScheme};

    #[test]
    fn there_is_one_of_each() {
        let provider = provider();
        let groups: Vec<_> = provider
            .kx_groups
            .iter()
            .map(|group| group.name())
            .collect();
        assert_eq!(groups, [NamedGroup::MLKEM1024]);
        let suites: Vec<_> = provider
            .cipher_suites
            .iter()
            .map(|suite| suite.suite())
            .collect();
        assert_eq!(suites, [CipherSuite::TLS13_AES_256_GCM_SHA384]);
        let algorithms = provider.signature_verification_algorithms;
        assert_eq!(algorithms.supported_schemes(), [SignatureScheme::ML_DSA_87]);
        assert_eq!(algorithms.all.len(), 1);
    }
}
