//! A TCP relay that a test puts between two nodes: it records, cuts, alters, or falls silent.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[derive(Clone, Copy)]
enum Fault {
    None,
    /// Closes both ways after so many bytes.
    Cut(usize),
    /// Flips a bit in the nth byte of TLS records, not counting the version and the length in their headers: the
    /// one is ignored by TLS 1.3, and the other, made longer, only makes a reader wait.
    Alter(usize),
}

/// What the relay does, and what it saw.
#[derive(Clone)]
pub(crate) struct Relay {
    faults: [Fault; 2],
    seen: Arc<Mutex<Vec<u8>>>,
    silent: Arc<AtomicBool>,
}

impl Relay {
    fn new(client: Fault, server: Fault) -> Self {
        Self {
            faults: [client, server],
            seen: Arc::default(),
            silent: Arc::default(),
        }
    }

    pub(crate) fn faithful() -> Self {
        Self::new(Fault::None, Fault::None)
    }
    pub(crate) fn cutting_client(at: usize) -> Self {
        Self::new(Fault::Cut(at), Fault::None)
    }
    pub(crate) fn cutting_server(at: usize) -> Self {
        Self::new(Fault::None, Fault::Cut(at))
    }
    pub(crate) fn altering_client(at: usize) -> Self {
        Self::new(Fault::Alter(at), Fault::None)
    }
    pub(crate) fn altering_server(at: usize) -> Self {
        Self::new(Fault::None, Fault::Alter(at))
    }

    /// Keeps all connections and passes nothing on any more, or passes again.
    pub(crate) fn set_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// All bytes that went either way.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }

    /// Begins to relay to `target`; returns where.
    pub(crate) async fn start(&self, target: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let relay = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let relay = relay.clone();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(target).await {
                        relay.carry(client, server).await;
                    }
                });
            }
        });
        address
    }

    async fn carry(&self, client: TcpStream, server: TcpStream) {
        let (mut client_in, mut client_out) = client.into_split();
        let (mut server_in, mut server_out) = server.into_split();
        // Whichever direction ends, both connections are dropped.
        tokio::select! {
            () = self.pass(&mut client_in, &mut server_out, self.faults[0]) => {}
            () = self.pass(&mut server_in, &mut client_out, self.faults[1]) => {}
        }
    }

    async fn pass(
        &self,
        from: &mut (impl AsyncReadExt + Unpin),
        to: &mut (impl AsyncWriteExt + Unpin),
        fault: Fault,
    ) {
        let mut passed = 0;
        let mut records = Records::default();
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let mut bytes = buffer[..count].to_vec();
            match fault {
                Fault::None => {}
                Fault::Cut(at) => bytes.truncate(at.saturating_sub(passed)),
                Fault::Alter(at) => bytes.iter_mut().for_each(|byte| {
                    if records.counts(*byte) == Some(at) {
                        *byte ^= 1;
                    }
                }),
            }
            passed += count;
            self.seen.lock().unwrap().extend_from_slice(&bytes);
            if self.silent.load(Ordering::Relaxed) {
                continue;
            }
            let cut = bytes.len() < count;
            if to.write_all(&bytes).await.is_err() || cut {
                return;
            }
        }
    }
}

/// Follows TLS records byte by byte.
#[derive(Default)]
struct Records {
    /// How many bytes of the present header are behind us.
    header: usize,
    /// How many bytes of the present record are ahead.
    left: usize,
    counted: usize,
}

impl Records {
    /// The number of this byte among those that count.
    fn counts(&mut self, byte: u8) -> Option<usize> {
        if self.header == 5 && self.left == 0 {
            self.header = 0;
        }
        if self.header < 5 {
            self.header += 1;
            match self.header {
                1 => {}
                4 => self.left = usize::from(byte) << 8,
                5 => self.left |= usize::from(byte),
                _ => {}
            }
            if self.header > 1 {
                return None;
            }
        } else {
            self.left -= 1;
        }
        self.counted += 1;
        Some(self.counted - 1)
    }
}
