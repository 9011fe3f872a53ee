//! A real Redis.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::services::executable;

/// Stopped when dropped. It listens on a socket in its folder and nowhere else.
pub struct RedisServer {
    child: Child,
    pub folder: tempfile::TempDir,
}

impl RedisServer {
    pub fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    /// Starts a server where another one was.
    pub fn start_in(folder: tempfile::TempDir) -> Self {
        let mut child = Command::new(executable("redis-server"))
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--logfile", ""])
            .arg("--unixsocket")
            .arg(folder.path().join("socket"))
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("ready to accept connections"));
        assert!(ready, "the Redis says when it is ready");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, folder }
    }

    pub fn url(&self) -> String {
        format!(
            "redis+unix://{}",
            self.folder.path().join("socket").display()
        )
    }

    /// Kills it and gives its folder, with the socket on which nobody listens now.
    pub fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
