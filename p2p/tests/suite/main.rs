//! The network between real sockets on loopback: who is turned away and how, what survives a reconnect, and
//! what a stranger, a slow node or a broken one can do to others, which is nothing.

#![allow(clippy::unwrap_used)]

mod handshake;
mod loopback;
mod mesh;
mod messages;
mod reconnect;
mod rejections;
mod relay;
mod requests;
mod strangers;
mod wire;
