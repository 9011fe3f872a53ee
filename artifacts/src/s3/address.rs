//! Where an S3 store is: `s3://bucket/prefix?endpoint=https://host:port&region=name`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

/// The address of a store. It has no secrets, so it may be shown and kept in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Address {
    /// The bucket, which must exist.
    pub bucket: String,
    /// What all names of objects begin with, `/`-separated; may be empty.
    pub prefix: String,
    /// The server, for anything but Amazon's own.
    pub endpoint: Option<String>,
    /// The region; by default that of the environment, `AWS_REGION`.
    pub region: Option<String>,
}

/// A key pair for a store. The secret is wiped from memory.
#[derive(Clone)]
pub struct S3Credentials {
    /// The access key's id.
    pub access_key: String,
    /// The secret.
    pub secret_key: Zeroizing<String>,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Credentials({}, ..)", self.access_key)
    }
}

/// Why an address is none, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum S3AddressError {
    /// It is not of the form.
    #[error(
        "{text:?} is no address of an S3 store, s3://bucket/prefix?endpoint=URL&region=NAME: {reason}"
    )]
    Form {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client refuses it.
    #[error("cannot use this S3 store: {reason}")]
    Client {
        /// What it says.
        reason: String,
    },
}

impl S3Address {
    /// Whether the endpoint speaks HTTP without TLS: blobs are encrypted and checked, who asks for which is seen.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        (self.endpoint.as_deref()).is_some_and(|endpoint| endpoint.starts_with("http://"))
    }
}

impl FromStr for S3Address {
    type Err = S3AddressError;

    fn from_str(text: &str) -> Result<Self, S3AddressError> {
        let form = |reason: String| S3AddressError::Form {
            text: text.to_owned(),
            reason,
        };
        let url = Url::parse(text).map_err(|error| form(error.to_string()))?;
        if url.scheme() != "s3" {
            return Err(form(format!("its scheme is {:?}", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
            return Err(form(
                "credentials come from the environment, and the server in endpoint=".to_owned(),
            ));
        }
        let bucket = url.host_str().unwrap_or_default();
        if bucket.is_empty() {
            return Err(form("it has no bucket".to_owned()));
        }
        if url.fragment().is_some() {
            return Err(form("it has a fragment".to_owned()));
        }
        let mut address = Self {
            bucket: bucket.to_owned(),
            prefix: url.path().trim_matches('/').to_owned(),
            endpoint: None,
            region: None,
        };
        for (key, value) in url.query_pairs() {
            let place = match key.as_ref() {
                "endpoint" => &mut address.endpoint,
                "region" => &mut address.region,
                other => return Err(form(format!("there is no parameter {other:?}"))),
            };
            if value.is_empty() || place.replace(value.into_owned()).is_some() {
                return Err(form(format!("{key} is empty or given twice")));
            }
        }
        if let Some(endpoint) = &address.endpoint {
            let parsed =
                Url::parse(endpoint).map_err(|error| form(format!("endpoint: {error}")))?;
            if !["http", "https"].contains(&parsed.scheme()) {
                return Err(form("the endpoint must be http:// or https://".to_owned()));
            }
        }
        Ok(address)
    }
}

impl fmt::Display for S3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        let mut separator = '?';
        for (key, value) in [("endpoint", &self.endpoint), ("region", &self.region)] {
            if let Some(value) = value {
                write!(f, "{separator}{key}={value}")?;
                separator = '&';
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for text in [
            "s3://models",
            "s3://models/a/b",
            "s3://models/a?endpoint=http://127.0.0.1:9000",
            "s3://models?endpoint=https://s3.example.org&region=eu-west-1",
            "s3://models?region=eu-west-1",
        ] {
            let address: S3Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let address: S3Address = "s3://models/a/?endpoint=http://x".parse().unwrap();
        assert_eq!(address.prefix, "a");
        assert!(address.is_plain());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "models",
            "https://models",
            "s3://",
            "s3:///prefix",
            "s3://key:secret@models",
            "s3://models:9000/a",
            "s3://models?endpoint=",
            "s3://models?endpoint=ftp://x",
            "s3://models?region=a&region=b",
            "s3://models?secret=x",
            "s3://models#x",
        ] {
            let error = text.parse::<S3Address>().unwrap_err();
            assert!(matches!(error, S3AddressError::Form { .. }), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let credentials = S3Credentials {
            access_key: "key".to_owned(),
            secret_key: Zeroizing::new("hidden".to_owned()),
        };
        assert_eq!(format!("{credentials:?}"), "S3Credentials(key, ..)");
    }
}
