//! Free ports.

use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which the system takes ports of outgoing connections (32768 by default): a validator
/// that was killed finds its ports free again.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// The first of `count` consecutive ports of loopback on which nobody listens.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn free(count: u16) -> u16 {
    let span = LAST - FIRST - count;
    // Another place for each process, in case somebody else runs these tests.
    let start = u16::try_from(std::process::id() % u32::from(span)).unwrap_or(0);
    (0..span)
        .step_by(usize::from(count))
        .map(|offset| FIRST + (start + offset) % span)
        .find(|base| all_free(*base, count))
        .expect("some ports between 20000 and 32000 are free")
}

fn all_free(base: u16, count: u16) -> bool {
    let bound: Vec<_> = (base..base + count)
        .map_while(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .collect();
    bound.len() == usize::from(count)
}
