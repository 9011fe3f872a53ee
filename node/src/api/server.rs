//! The listeners, handshakes and connections.

use super::{
    ApiConfig,
    limiter::ConnectionGuard,
    operations,
    router::{Peer, router},
    stall::Stall,
    state::ApiState,
};
use crate::handle::NodeHandle;
use axum::Router;
use cairn_crypto::SigningKey;
use cairn_genesis::GenesisError;
use hyper::{body::Incoming, service::Service as _, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// The API cannot start.
#[derive(Debug, Error)]
pub enum ApiError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for the {what}: {source}; is another node running there?")]
    Listen {
        /// API or operations.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS configuration was refused.
    #[error(transparent)]
    Tls(#[from] cairn_tls::TlsError),
    /// The genesis document cannot be shown.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
}

/// A running API.
#[derive(Debug)]
pub struct Bound {
    /// Where the API listens.
    pub api: SocketAddr,
    /// Where health and metrics are.
    pub ops: SocketAddr,
    /// Both accept loops. They end after the shutdown signal, when the connections have.
    pub tasks: JoinSet<()>,
}

impl Bound {
    /// Waits for the end of all connections after the shutdown signal; each has a few seconds for the
    /// request that it is at.
    pub async fn finished(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Time for requests in progress after the shutdown signal.
const GRACE: Duration = Duration::from_secs(5);

/// After a failure to accept (no file descriptors left, say), the pause before the next attempt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Starts the API and the operators' listener. Both end when `shutdown` says `true` or its sender is gone.
///
/// # Errors
/// [`ApiError`] when an address is taken or the configuration is not usable.
pub async fn serve(
    config: ApiConfig,
    handle: NodeHandle,
    identity: SigningKey,
    shutdown: watch::Receiver<bool>,
) -> Result<Bound, ApiError> {
    let alpn = cairn_api::alpn(&handle.chain_id());
    let tls = cairn_tls::server_config(&identity, None, &alpn)?;
    let listener = listen("API", config.listen).await?;
    let ops_listener = listen("operators' listener", config.ops_listen).await?;
    let (api, ops) = (
        address("API", &listener)?,
        address("operators' listener", &ops_listener)?,
    );

    let genesis = handle.genesis().to_json()?;
    let state = ApiState::new(
        handle.clone(),
        config.limits,
        config.blobs,
        genesis,
        shutdown.clone(),
    );
    let server = Arc::new(Server {
        router: router(state.clone()),
        acceptor: TlsAcceptor::from(tls),
        alpn,
        handshakes: Arc::new(Semaphore::new(state.limits.max_handshakes)),
        connections: Arc::new(Semaphore::new(state.limits.max_connections)),
        state,
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(accept(server, listener, shutdown.clone()));
    tasks.spawn(operations::serve(handle, ops_listener, shutdown));
    Ok(Bound { api, ops, tasks })
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, ApiError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ApiError::Listen {
            what,
            address,
            source,
        })
}

fn address(what: &'static str, listener: &TcpListener) -> Result<SocketAddr, ApiError> {
    let unknown = SocketAddr::from(([0; 4], 0));
    listener.local_addr().map_err(|source| ApiError::Listen {
        what,
        address: unknown,
        source,
    })
}

struct Server {
    state: ApiState,
    router: Router,
    acceptor: TlsAcceptor,
    alpn: Vec<u8>,
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

/// What a connection occupies while it lasts.
struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_address: ConnectionGuard,
}

async fn accept(server: Arc<Server>, listener: TcpListener, mut shutdown: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let (socket, from) = tokio::select! {
            biased;
            () = stopped(&mut shutdown) => break,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the API cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // A connection without a place is closed at once: a handshake would cost more than it is worth.
        if let Some(place) = server.place(from.ip()) {
            let (server, shutdown) = (Arc::clone(&server), shutdown.clone());
            connections
                .spawn(async move { server.connection(socket, from.ip(), place, shutdown).await });
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Returns when the node stops.
pub(super) async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it the node.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

impl Server {
    fn place(&self, from: IpAddr) -> Option<Place> {
        let of_all = Arc::clone(&self.connections).try_acquire_owned();
        let of_all = of_all
            .inspect_err(|_| tracing::debug!(%from, "no place for a further API connection"))
            .ok()?;
        let of_address = self.state.limiter.connect(from, Instant::now());
        let of_address = of_address
            .inspect_err(|refused| tracing::debug!(%from, ?refused, "an API connection is refused"))
            .ok()?;
        Some(Place {
            _of_all: of_all,
            _of_address: of_address,
        })
    }

    async fn connection(
        &self,
        socket: TcpStream,
        from: IpAddr,
        _place: Place,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let limits = &self.state.limits;
        let handshake = async {
            let _turn = self.handshakes.acquire().await.map_err(io::Error::other)?;
            socket.set_nodelay(true)?;
            let stream = self.acceptor.accept(socket).await?;
            cairn_tls::negotiated(stream.get_ref().1, &self.alpn).map_err(io::Error::other)?;
            Ok::<_, io::Error>(stream)
        };
        let stream = tokio::select! {
            () = stopped(&mut shutdown) => return,
            done = timeout(limits.handshake_timeout(), handshake) => match done {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%from, %error, "no handshake"),
                Err(_) => return tracing::debug!(%from, "the handshake took too long"),
            },
        };
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(from));
            router.call(request)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout())
            .max_buf_size(limits.max_head_bytes)
            .serve_connection(
                TokioIo::new(Stall::new(stream, limits.stall_timeout())),
                service,
            );
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut shutdown) => {
                connection.as_mut().graceful_shutdown();
                match timeout(GRACE, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%from, %error, "an API connection ended");
        }
    }
}
