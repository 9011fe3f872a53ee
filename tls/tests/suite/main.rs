//! Who gets through a handshake, and who does not.

#![allow(clippy::unwrap_used)]

mod accepted;
mod classical;
mod damaged;
mod ends;
mod foreign;
mod observed;
mod refused;
