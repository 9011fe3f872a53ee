//! A TCP relay that a test puts between two nodes: it records, or falls silent.

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

/// What the relay does, and what it saw.
#[derive(Clone, Default)]
pub(crate) struct Relay {
    seen: Arc<Mutex<Vec<u8>>>,
    silent: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn faithful() -> Self {
        Self::default()
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
            () = self.pass(&mut client_in, &mut server_out) => {}
            () = self.pass(&mut server_in, &mut client_out) => {}
        }
    }

    async fn pass(
        &self,
        from: &mut (impl AsyncReadExt + Unpin),
        to: &mut (impl AsyncWriteExt + Unpin),
    ) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let bytes = &buffer[..count];
            self.seen.lock().unwrap().extend_from_slice(bytes);
            if self.silent.load(Ordering::Relaxed) {
                continue;
            }
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }
}
