//! Where a node is: `cairn://host:port`.

use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;
use std::{fmt, str::FromStr};
use thiserror::Error;

/// Longest host name (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;

/// Where a node is. Who it is shows in the TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// A text that is no node URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a node: {reason}, expected cairn://host:port")]
pub struct ParseEndpointError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Endpoint {
    /// A host name or an IP address (version 6 without brackets).
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, an IP address of version 6 in brackets: the HTTP authority.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cairn://{}", self.authority())
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason| ParseEndpointError {
            text: text.to_owned(),
            reason,
        };
        let rest = text
            .strip_prefix("cairn://")
            .ok_or_else(|| refused("the scheme is not cairn"))?;
        let (host, port) = rest
            .rsplit_once(':')
            .ok_or_else(|| refused("the port is missing"))?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner
                .strip_suffix(']')
                .and_then(|inner| inner.parse::<Ipv6Addr>().ok())
                .ok_or_else(|| refused("what is in brackets is no address of IP version 6"))?
                .to_string(),
            None => host.to_owned(),
        };
        let bracketed = rest.starts_with('[');
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !bracketed && !host.chars().all(allowed) {
            return Err(refused(
                "a host has letters, digits, dots, hyphens and underscores only",
            ));
        }
        if host.is_empty() || host.len() > MAX_HOST {
            return Err(refused("a host has 1 to 253 characters"));
        }
        let digits = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
        let port: u16 = port
            .parse()
            .ok()
            .filter(|port| *port > 0 && digits)
            .ok_or_else(|| refused("the port is not a number from 1 to 65535"))?;
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = ParseEndpointError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}
