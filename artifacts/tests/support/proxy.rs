//! A TCP proxy that can be told to do what networks and servers do on bad days.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Everything as it is.
    #[default]
    None,
    /// Requests are taken and never answered.
    Silent,
    /// Nothing goes on in either direction, and nothing is lost, until there is another fault.
    Hold,
    /// The answer stops after so many bytes, and the connection stays.
    Stall(usize),
    /// The connection is closed after so many bytes of the answer.
    Cut(usize),
    /// A bit of the first body byte that comes by is another one.
    Flip,
    /// 503 to every request.
    Busy,
    /// Connections are closed as soon as they are made.
    Refuse,
    /// Every 64 KiB of an answer come 10 milliseconds late.
    Slow,
}

pub struct Proxy {
    pub address: SocketAddr,
    line: Line,
    listening: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let line = Line::default();
        let listening = tokio::spawn({
            let line = line.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let line = line.clone();
                    tokio::spawn(async move {
                        // A broken connection is what the proxy is for.
                        let _ = line.serve(client, upstream).await;
                    });
                }
            }
        });
        Self {
            address,
            line,
            listening,
        }
    }

    pub fn set(&self, fault: Fault) {
        let mut state = self.line.state.lock().unwrap();
        (state.fault, state.next) = (fault, None);
        self.line.changed.notify_waiters();
    }

    /// Everything as it is until so many more bytes have passed, in both directions, and then this.
    pub fn set_after(&self, bytes: u64, fault: Fault) {
        let mut state = self.line.state.lock().unwrap();
        (state.fault, state.next) = (Fault::None, Some((state.passed + bytes, fault)));
    }

    /// Connections that a fault has met.
    pub fn met(&self) -> u64 {
        self.line.met.load(Ordering::SeqCst)
    }

    /// Bytes that came by, in both directions.
    pub fn passed(&self) -> u64 {
        self.line.state.lock().unwrap().passed
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[derive(Clone, Default)]
struct Line {
    state: Arc<Mutex<State>>,
    met: Arc<AtomicU64>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    fault: Fault,
    passed: u64,
    /// What comes when so many bytes have passed.
    next: Option<(u64, Fault)>,
}

impl Line {
    fn fault(&self) -> Fault {
        self.state.lock().unwrap().fault
    }

    fn count(&self, bytes: usize) {
        let mut state = self.state.lock().unwrap();
        state.passed += bytes as u64;
        if let Some((_, fault)) = state.next.filter(|(at, _)| *at <= state.passed) {
            (state.fault, state.next) = (fault, None);
        }
    }

    fn hit(&self) {
        self.met.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits as long as everything is held.
    async fn held(&self) {
        let mut met = false;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.fault() != Fault::Hold {
                return;
            }
            if !met {
                self.hit();
                met = true;
            }
            changed.await;
        }
    }

    async fn serve(self, client: TcpStream, upstream: SocketAddr) -> std::io::Result<()> {
        if self.fault() == Fault::Refuse {
            self.hit();
            return Ok(());
        }
        let (from_client, mut to_client) = client.into_split();
        let (from_server, to_server) = TcpStream::connect(upstream).await?.into_split();
        tokio::select! {
            answered = self.answer(from_server, &mut to_client) => answered,
            () = self.ask(from_client, to_server) => Ok(()),
        }
    }

    async fn answer(
        &self,
        mut from: OwnedReadHalf,
        to: &mut OwnedWriteHalf,
    ) -> std::io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let mut passed = 0;
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            self.count(length);
            self.held().await;
            let bytes = &mut buffer[..length];
            match self.fault() {
                Fault::None | Fault::Refuse | Fault::Hold => to.write_all(bytes).await?,
                Fault::Slow => {
                    self.hit();
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    to.write_all(bytes).await?;
                }
                Fault::Silent => {
                    self.hit();
                    std::future::pending::<()>().await;
                }
                Fault::Busy => {
                    self.hit();
                    let answer =
                        "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    to.write_all(answer.as_bytes()).await?;
                    return Ok(());
                }
                Fault::Flip => {
                    if let Some(at) = body_start(bytes) {
                        self.hit();
                        bytes[at] ^= 1;
                    }
                    to.write_all(bytes).await?;
                }
                Fault::Stall(limit) | Fault::Cut(limit) if passed + length > limit => {
                    self.hit();
                    to.write_all(&bytes[..limit.saturating_sub(passed)]).await?;
                    if matches!(self.fault(), Fault::Stall(_)) {
                        std::future::pending::<()>().await;
                    }
                    return Ok(());
                }
                Fault::Stall(_) | Fault::Cut(_) => to.write_all(bytes).await?,
            }
            passed += length;
        }
    }

    /// Passes requests on, unless nobody is to hear them.
    async fn ask(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            self.count(length);
            self.held().await;
            if self.fault() == Fault::Silent {
                self.hit();
            } else if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }
}

/// Where the body begins in these bytes of an answer, if they have any of it.
fn body_start(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(b"HTTP/1.1") {
        return Some(0);
    }
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    (end < bytes.len()).then_some(end)
}
