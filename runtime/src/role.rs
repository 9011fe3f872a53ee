//! Roles and where they hold. Which operation needs which role stands in `policy.rs`.

use crate::ModelName;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What an account may do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Admits accounts, grants and revokes roles.
    Admin,
    /// Creates namespaces and registers models.
    Registrar,
    /// Publishes versions and grants access to them.
    Publisher,
    /// Certifies versions.
    Certifier,
    /// Reads what was granted to it.
    Reader,
    /// Reads records and proofs that the policy calls private.
    Auditor,
    /// Runs validators and stores.
    Operator,
}

/// Where a role holds. A wider scope includes the narrower ones.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The whole chain.
    Chain,
    /// One namespace.
    Namespace(String),
    /// One model.
    Model(ModelName),
}

impl Role {
    /// Every role, in order.
    pub const ALL: [Self; 7] = [
        Self::Admin,
        Self::Registrar,
        Self::Publisher,
        Self::Certifier,
        Self::Reader,
        Self::Auditor,
        Self::Operator,
    ];
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::Registrar => "registrar",
            Self::Publisher => "publisher",
            Self::Certifier => "certifier",
            Self::Reader => "reader",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        })
    }
}

impl Scope {
    /// This scope and the wider ones, narrowest first: a role in any of them holds here.
    pub fn widening(&self) -> impl DoubleEndedIterator<Item = Self> + '_ {
        let namespace = match self {
            Self::Model(model) => Some(Self::Namespace(model.namespace.clone())),
            Self::Chain | Self::Namespace(_) => None,
        };
        let chain = (*self != Self::Chain).then_some(Self::Chain);
        std::iter::once(self.clone()).chain(namespace).chain(chain)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chain => f.write_str("the chain"),
            Self::Namespace(name) => write!(f, "namespace {name}"),
            Self::Model(model) => write!(f, "model {model}"),
        }
    }
}
