//! A blocking HTTP/1.1 client of one node. It sends what it is told, also what no client would send.

use cairn_api::{PROBLEM_JSON, Problem, alpn};
use cairn_crypto::{Digest, PublicKey};
use cairn_tls::{AllowList, client_config, server_name};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Longest head of an answer, bytes.
const MAX_HEAD: usize = 64 * 1024;
/// Longest body of an answer, bytes.
const MAX_BODY: usize = 128 << 20;
/// How long one read may take; waiting for finality is such a read.
const PATIENCE: Duration = Duration::from_secs(120);

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        self.parse()
    }

    /// The body as a type of the API.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn parse<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            let text = String::from_utf8_lossy(&self.body);
            panic!("{error} in the answer {}: {text}", self.status)
        })
    }

    /// Status and code of a problem (RFC 9457), checked for its form.
    ///
    /// # Panics
    /// When the answer is no problem.
    #[must_use]
    pub fn problem(&self) -> (u16, String) {
        let text = String::from_utf8_lossy(&self.body);
        let kind = self.header("content-type");
        assert_eq!(kind, Some(PROBLEM_JSON), "status {}: {text}", self.status);
        let problem: Problem = self.parse();
        assert_eq!(problem.status, self.status, "{text}");
        assert_eq!(
            problem.problem_type,
            format!("urn:cairn:problem:{}", problem.code)
        );
        assert!(!problem.detail.is_empty(), "{text}");
        (self.status, problem.code)
    }

    /// Checks status and code of a problem.
    ///
    /// # Panics
    /// When it is another one, or none.
    pub fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(self.problem(), (status, code.to_owned()));
    }
}

/// A client of one node; keeps its connection.
pub struct Api {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    connection: Option<StreamOwned<ClientConnection, TcpStream>>,
}

impl Api {
    /// A client of the node with this transport key.
    ///
    /// # Panics
    /// When rustls refuses the configuration.
    #[must_use]
    pub fn new(address: SocketAddr, chain_id: &Digest, key: &PublicKey) -> Self {
        let policy = Arc::new(AllowList::new([key]));
        let config =
            client_config(None, policy, &alpn(chain_id)).expect("the configuration is sound");
        Self {
            address,
            config,
            connection: None,
        }
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// What the connection says.
    pub fn get(&mut self, path: &str) -> Result<Reply> {
        self.request("GET", path, &[], &[])
    }

    /// Submits the bytes of a signed transaction; `query` begins with `?` or is empty.
    ///
    /// # Errors
    /// What the connection says.
    pub fn submit(&mut self, query: &str, body: &[u8]) -> Result<Reply> {
        let path = format!("/v1/transactions{query}");
        self.request(
            "POST",
            &path,
            &[("content-type", "application/octet-stream")],
            body,
        )
    }

    /// One request with its body and its length.
    ///
    /// # Errors
    /// What the connection says; the next request makes a new one.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: node\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.raw(head.as_bytes(), body, method != "HEAD")
    }

    /// Sends these very bytes and reads one answer.
    ///
    /// # Errors
    /// What the connection says; the next request makes a new one.
    pub fn raw(&mut self, head: &[u8], body: &[u8], answer_has_body: bool) -> Result<Reply> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        connection.write_all(head)?;
        // A node that refuses a body by its length answers without reading it, so what goes wrong here
        // counts only if there is no answer either.
        let sent = connection.write_all(body).and_then(|()| connection.flush());
        let reply = read_reply(&mut connection, answer_has_body).map_err(|error| match sent {
            Err(earlier) => earlier,
            Ok(()) => error,
        })?;
        if sent_whole(&reply) {
            self.connection = Some(connection);
        }
        Ok(reply)
    }

    fn connect(&self) -> Result<StreamOwned<ClientConnection, TcpStream>> {
        let socket = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let client = ClientConnection::new(Arc::clone(&self.config), server_name())
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        Ok(StreamOwned::new(client, socket))
    }
}

/// Whether the connection can carry another request. After an error the node may not have read all.
fn sent_whole(reply: &Reply) -> bool {
    reply.status < 400 && reply.header("connection") != Some("close")
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

fn read_reply(stream: &mut impl Read, has_body: bool) -> Result<Reply> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > MAX_HEAD {
            return Err(invalid("the head of the answer has no end"));
        }
        read_some(stream, &mut bytes)?;
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| invalid("the head is no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|text| text.parse().ok());
    let status = status.ok_or_else(|| invalid("no status line"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes.split_off(end + 4);
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length
        .and_then(|(_, value)| value.parse::<usize>().ok())
        .unwrap_or(0);
    if length > MAX_BODY {
        return Err(invalid("the answer is too long"));
    }
    while has_body && body.len() < length {
        read_some(stream, &mut body)?;
    }
    Ok(Reply {
        status,
        headers,
        body,
    })
}

fn read_some(stream: &mut impl Read, into: &mut Vec<u8>) -> Result<()> {
    let mut buffer = [0; 16 * 1024];
    let read = stream.read(&mut buffer)?;
    if read == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    into.extend_from_slice(&buffer[..read]);
    Ok(())
}
