//! Handshakes that someone on the way cuts or alters, in memory.

use crate::ends::{ALPN, allow, key};
use cairn_tls::{client_config, server_config, server_name};
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use std::sync::Arc;

/// Each side's part of a handshake is longer than the one and shorter than the other, bytes.
const SHORTER: usize = 9_000;
const LONGER: usize = 12_000;

/// What happens to one direction.
#[derive(Clone, Copy)]
enum Fault {
    None,
    /// Nothing passes after so many bytes.
    Cut(usize),
    /// Flips a bit in the nth byte of the records, not counting the version and the length in their headers: the
    /// one is ignored by TLS 1.3, and the other, made longer, only makes a reader wait.
    Alter(usize),
}

/// One direction, and how far it has come.
struct Wire {
    fault: Fault,
    passed: usize,
}

impl Wire {
    fn new(fault: Fault) -> Self {
        Self { fault, passed: 0 }
    }

    /// What arrives of a flight, which is whole records.
    fn pass(&mut self, mut flight: Vec<u8>) -> Vec<u8> {
        match self.fault {
            Fault::None => {}
            Fault::Cut(at) => {
                let left = at.saturating_sub(self.passed);
                self.passed += flight.len();
                flight.truncate(left);
            }
            Fault::Alter(at) => {
                let mut start = 0;
                while start < flight.len() {
                    let length =
                        usize::from(u16::from_be_bytes([flight[start + 3], flight[start + 4]]));
                    let end = start + 5 + length;
                    for byte in std::iter::once(start).chain(start + 5..end) {
                        if self.passed == at {
                            flight[byte] ^= 1;
                        }
                        self.passed += 1;
                    }
                    start = end;
                }
            }
        }
        flight
    }
}

/// Passes what `from` has to say. `false` when there is nothing or `to` will hear no more of it.
fn carry(from: &mut Connection, to: &mut Connection, wire: &mut Wire) -> bool {
    let mut flight = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut flight).unwrap();
    }
    let arrived = wire.pass(flight);
    let mut unread = &arrived[..];
    while !unread.is_empty() {
        if to.read_tls(&mut unread).is_err() || to.process_new_packets().is_err() {
            return false;
        }
    }
    !arrived.is_empty()
}

/// Whether the client and whether the server came to the end of the handshake.
fn between(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    faults: [Fault; 2],
) -> [bool; 2] {
    let mut client: Connection = ClientConnection::new(client.clone(), server_name())
        .unwrap()
        .into();
    let mut server: Connection = ServerConnection::new(server.clone()).unwrap().into();
    let [mut up, mut down] = faults.map(Wire::new);
    while carry(&mut client, &mut server, &mut up) && carry(&mut server, &mut client, &mut down) {}
    [!client.is_handshaking(), !server.is_handshaking()]
}

fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let (a, b) = (key(), key());
    let client = client_config(Some(&a), allow(&[&b]), ALPN).unwrap();
    let server = server_config(&b, Some(allow(&[&a])), ALPN).unwrap();
    (client, server)
}

#[test]
fn a_truncated_handshake_fails_wherever_it_is_cut() {
    let (client, server) = configs();
    assert_eq!(between(&client, &server, [Fault::None; 2]), [true, true]);
    let beyond = [Fault::Cut(LONGER); 2];
    assert_eq!(between(&client, &server, beyond), [true, true]);
    for at in (0..SHORTER).step_by(61) {
        let [_, accepted] = between(&client, &server, [Fault::Cut(at), Fault::None]);
        assert!(!accepted, "client cut at {at}");
        let ends = between(&client, &server, [Fault::None, Fault::Cut(at)]);
        assert_eq!(ends, [false, false], "server cut at {at}");
    }
}

#[test]
fn an_altered_handshake_fails_wherever_it_is_altered() {
    let (client, server) = configs();
    let beyond = [Fault::Alter(LONGER); 2];
    assert_eq!(between(&client, &server, beyond), [true, true]);
    for at in (0..SHORTER).step_by(47) {
        let [_, accepted] = between(&client, &server, [Fault::Alter(at), Fault::None]);
        assert!(!accepted, "client altered at {at}");
        let [_, accepted] = between(&client, &server, [Fault::None, Fault::Alter(at)]);
        assert!(!accepted, "server altered at {at}");
    }
}
