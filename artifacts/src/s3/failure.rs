//! What a failure of the S3 client means for a caller of the store.

use std::error::Error as _;

use cairn_crypto::Digest;
use object_store::Error;

use crate::error::StoreError;

/// An answer that ended early.
pub(super) fn cut_off(got: u64, expected: u64) -> Error {
    Error::Generic {
        store: "S3",
        source: format!("the answer ended after {got} of {expected} bytes").into(),
    }
}

/// Says what went wrong: what is not there and what is refused stays so, all else may pass.
pub(super) fn of(store: String, digest: &Digest, error: Error) -> StoreError {
    let reason = reason(&error);
    let digest = *digest;
    match error {
        Error::NotFound { .. } => StoreError::NotFound { store, digest },
        Error::PermissionDenied { .. }
        | Error::Unauthenticated { .. }
        | Error::InvalidPath { .. }
        | Error::NotSupported { .. }
        | Error::NotImplemented { .. }
        | Error::UnknownConfigurationKey { .. } => StoreError::Denied {
            store,
            digest,
            reason,
        },
        _ => StoreError::Unavailable { store, reason },
    }
}

/// To a put, only a missing bucket is "not found".
pub(super) fn of_put(error: StoreError, store: &str, digest: &Digest) -> StoreError {
    match error {
        StoreError::NotFound { .. } => StoreError::Denied {
            store: store.to_owned(),
            digest: *digest,
            reason: "there is no such bucket; make it first".to_owned(),
        },
        error => error,
    }
}

/// The error with its causes, which the client's own message leaves out.
fn reason(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found() -> Error {
        Error::NotFound {
            path: "p/digest".to_owned(),
            source: "404".into(),
        }
    }

    #[test]
    fn a_put_into_no_bucket_is_refused_for_good() {
        let (store, digest) = ("s3://gone".to_owned(), Digest::of(b"x"));
        let got = of(store.clone(), &digest, not_found());
        assert!(matches!(got, StoreError::NotFound { .. }), "{got}");
        let put = of_put(got, &store, &digest);
        assert!(
            matches!(&put, StoreError::Denied { reason, .. } if reason.contains("no such bucket")),
            "{put}"
        );
    }

    #[test]
    fn the_causes_are_told() {
        let error = of("s".to_owned(), &Digest::ZERO, cut_off(3, 9));
        assert!(error.to_string().contains("3 of 9 bytes"), "{error}");
    }
}
