//! A real server that speaks DynamoDB's protocol.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest that it takes to start.
const START: Duration = Duration::from_secs(30);

/// Stopped when dropped. What it holds is in a file, and is there again when it is started again.
pub struct DynamoServer {
    child: Child,
    pub at: SocketAddr,
    folder: tempfile::TempDir,
}

/// The executable. A service that cannot be installed fails the test.
fn executable() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services");
    let output = Command::new(&script).arg("dynoxide").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "scripts/services dynoxide: {output:?}"
    );
    PathBuf::from(told.lines().next_back().unwrap().trim())
}

impl DynamoServer {
    pub fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = free.local_addr().unwrap();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(at, &folder.path().join("tables"));
        let mut server = Self { child, at, folder };
        server.wait();
        server
    }

    fn wait(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(self.at).is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "the server ended");
            assert!(begun.elapsed() < START, "the server does not listen");
            std::thread::yield_now();
        }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Takes away what it holds. It has to be killed before.
    pub fn empty(&self) {
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
    }

    /// Starts it again where it was, with what it held.
    pub fn start_again(&mut self) {
        self.child = spawn(self.at, &self.folder.path().join("tables"));
        self.wait();
    }
}

fn spawn(at: SocketAddr, file: &Path) -> Child {
    Command::new(executable())
        .args(["serve", "--host", "127.0.0.1", "--port"])
        .arg(at.port().to_string())
        .arg("--db-path")
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for DynamoServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
