//! The two ends of a connection over real TCP.

use cairn_crypto::SigningKey;
use cairn_tls::{AllowList, HandshakeError, server_name};
use rustls::{ClientConfig, Error, ServerConfig};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

pub(crate) const ALPN: &[u8] = b"cairn/1/api/00";

pub(crate) type Server = io::Result<server::TlsStream<TcpStream>>;
pub(crate) type Client = io::Result<client::TlsStream<TcpStream>>;

/// Both ends of one attempt. The client also reads: in TLS 1.3 it learns only then that it was refused.
pub(crate) async fn attempt(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> (Client, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut stream = TlsAcceptor::from(server).accept(socket).await?;
        stream.write_all(b"x").await?;
        stream.flush().await?;
        Ok(stream)
    };
    let connect = async move {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut stream = TlsConnector::from(client)
            .connect(server_name(), socket)
            .await?;
        stream.read_exact(&mut [0]).await?;
        Ok(stream)
    };
    tokio::join!(connect, accept)
}

pub(crate) fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

pub(crate) fn allow(keys: &[&SigningKey]) -> Arc<AllowList> {
    Arc::new(AllowList::new(keys.iter().map(|key| key.public_key())))
}

pub(crate) fn tls_error(error: &io::Error) -> &Error {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref())
        .unwrap_or_else(|| panic!("{error:?}"))
}

/// The name that metrics give this failure.
pub(crate) fn label(error: io::Error) -> &'static str {
    HandshakeError::new(error, ALPN).label()
}
