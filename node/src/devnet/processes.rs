//! Starts, watches and stops a devnet's validators, each a process of its own.

use super::setup::file;
use super::{DevnetError, Layout};
use crate::config::NodeConfig;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often conditions are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a validator may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// The running validators that this process started.
#[derive(Debug)]
pub struct Processes {
    layout: Layout,
    children: Vec<Child>,
}

impl Processes {
    /// Starts all validators of a prepared devnet.
    ///
    /// # Errors
    /// [`DevnetError::Running`] when it runs already, or what the system says.
    pub fn start(layout: &Layout, validators: usize) -> Result<Self, DevnetError> {
        let program = std::env::current_exe().map_err(file("find", Path::new("cairnd")))?;
        Self::start_with(&program, layout, validators)
    }

    /// As [`start`](Self::start), with this `cairnd` program.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        program: &Path,
        layout: &Layout,
        validators: usize,
    ) -> Result<Self, DevnetError> {
        for index in 0..validators {
            if let Some(pid) = running(layout, index) {
                return Err(DevnetError::Running {
                    name: Layout::name(index),
                    pid: pid.as_raw_nonzero().get(),
                });
            }
        }
        let mut processes = Self {
            layout: layout.clone(),
            children: Vec::with_capacity(validators),
        };
        for index in 0..validators {
            processes.children.push(start_one(program, layout, index)?);
        }
        Ok(processes)
    }

    /// Ends a validator as a loss of power would: SIGKILL.
    ///
    /// # Errors
    /// What the system says.
    pub fn kill(&mut self, index: usize) -> Result<(), DevnetError> {
        let log = self.layout.log(index);
        if let Some(child) = self.children.get_mut(index) {
            child.kill().map_err(file("kill the validator of", &log))?;
            child
                .wait()
                .map_err(file("wait for the validator of", &log))?;
        }
        Ok(())
    }

    /// Waits until every validator has seen a block become final above `height`.
    ///
    /// # Errors
    /// When one ends by itself, or after `timeout`.
    pub fn wait_for_block(&mut self, height: u64, timeout: Duration) -> Result<(), DevnetError> {
        let started = Instant::now();
        let mut operations = Vec::with_capacity(self.children.len());
        for index in 0..self.children.len() {
            let config = NodeConfig::load(&self.layout.config(index)).map_err(|error| {
                let path = self.layout.config(index);
                file("read", &path)(std::io::Error::other(error.to_string()))
            })?;
            operations.push(config.listen.operations);
        }
        while !operations.is_empty() {
            self.check_alive()?;
            operations.retain(|address| final_height(*address).is_none_or(|got| got <= height));
            if started.elapsed() > timeout {
                return Err(DevnetError::NoBlock {
                    seconds: timeout.as_secs(),
                    dir: self.layout.dir().to_owned(),
                });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn check_alive(&mut self) -> Result<(), DevnetError> {
        for (index, child) in self.children.iter_mut().enumerate() {
            if let Ok(Some(status)) = child.try_wait() {
                let log = self.layout.log(index);
                return Err(DevnetError::Ended {
                    name: Layout::name(index),
                    status: status.to_string(),
                    tail: tail(&log),
                    log,
                });
            }
        }
        Ok(())
    }

    /// Waits until a validator ends by itself.
    ///
    /// # Errors
    /// [`DevnetError::Ended`], always.
    pub fn watch(&mut self) -> Result<std::convert::Infallible, DevnetError> {
        loop {
            self.check_alive()?;
            std::thread::sleep(LOOK);
        }
    }
}

fn start_one(program: &Path, layout: &Layout, index: usize) -> Result<Child, DevnetError> {
    let log_path = layout.log(index);
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_path)
        .map_err(file("open", &log_path))?;
    let errors = log.try_clone().map_err(file("open", &log_path))?;
    let child = Command::new(program)
        .arg("start")
        .arg("--config")
        .arg(layout.config(index))
        .stdin(Stdio::null())
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(errors))
        .spawn()
        .map_err(file("start", program))?;
    let pid = layout.pid(index);
    std::fs::write(&pid, child.id().to_string()).map_err(file("write", &pid))?;
    Ok(child)
}

/// Stops whatever of the devnet runs: asks, waits, then kills. Returns how many ran.
///
/// # Errors
/// What the system says.
pub fn stop(layout: &Layout, validators: usize) -> Result<usize, DevnetError> {
    let mut left: Vec<(usize, Pid)> = (0..validators)
        .filter_map(|index| running(layout, index).map(|pid| (index, pid)))
        .collect();
    let ran = left.len();
    for (_, pid) in &left {
        let _ended = kill_process(*pid, Signal::TERM);
    }
    let deadline = Instant::now() + GRACE;
    loop {
        left.retain(|(index, _)| running(layout, *index).is_some());
        if left.is_empty() {
            break;
        }
        if Instant::now() > deadline {
            for (_, pid) in &left {
                let _ended = kill_process(*pid, Signal::KILL);
            }
            break;
        }
        std::thread::sleep(LOOK);
    }
    for index in 0..validators {
        let _absent = std::fs::remove_file(layout.pid(index));
    }
    Ok(ran)
}

/// The process of a validator, if its pid file names a live `cairnd`.
fn running(layout: &Layout, index: usize) -> Option<Pid> {
    let text = std::fs::read_to_string(layout.pid(index)).ok()?;
    let pid = Pid::from_raw(text.trim().parse().ok()?)?;
    test_kill_process(pid).ok()?;
    // A pid is used again by the system: the command line must name this configuration. A zombie has none.
    let command = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
    let config = layout.config(index);
    let wanted = config.to_str()?.as_bytes();
    command
        .split(|byte| *byte == 0)
        .any(|argument| argument == wanted)
        .then_some(pid)
}

fn final_height(operations: SocketAddr) -> Option<u64> {
    let height = metric(operations, "cairn_consensus_final_height")?;
    // Exact: a gauge of whole numbers far below 2^53.
    Some(height as u64)
}

/// The value of a metric without labels, asked of a node's operations port; `None` when the node does not answer.
#[must_use]
pub fn metric(operations: SocketAddr, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect_timeout(&operations, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut text = String::new();
    stream.take(4 << 20).read_to_string(&mut text).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .and_then(|value| value.trim().parse().ok())
}

fn tail(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut opened) = File::open(log) {
        let _unreadable = opened.read_to_string(&mut text);
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
