//! A real S3 server on loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cairn_artifacts::{S3Address, S3Credentials, S3Limits, S3Store};

use super::services::executable;

pub const BUCKET: &str = "models";

/// Stopped when dropped.
pub struct S3Server {
    child: Child,
    pub address: SocketAddr,
    /// Where its objects lie.
    pub folder: tempfile::TempDir,
}

impl S3Server {
    /// Starts a server with one bucket, and waits until it says where it listens.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut child = Command::new(executable("s3s-fs"))
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(["--access-key", "key", "--secret-key", "secret"])
            .arg(folder.path())
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("running at http://")?.1.trim().to_owned()))
            .expect("the server says where it listens");
        // Whoever stops reading stops the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: address.parse().unwrap(),
            folder,
        }
    }

    pub fn objects(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn address(server: SocketAddr, prefix: &str) -> S3Address {
    let text = format!("s3://{BUCKET}/{prefix}?endpoint=http://{server}&region=us-east-1");
    text.parse().unwrap()
}

pub fn credentials(secret: &str) -> S3Credentials {
    S3Credentials {
        access_key: "key".to_owned(),
        secret_key: secret.to_owned().into(),
    }
}

/// A store on the server, or on what stands in front of it.
pub fn store(server: SocketAddr, prefix: &str, limits: S3Limits) -> S3Store {
    S3Store::open(
        &address(server, prefix),
        Some(&credentials("secret")),
        limits,
    )
    .unwrap()
}
