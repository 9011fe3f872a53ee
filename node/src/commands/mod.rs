//! One file a command.

pub(crate) mod catalogue;
pub(crate) mod devnet;
pub(crate) mod genesis;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod start;
