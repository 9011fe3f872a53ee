//! Somebody with a key file and the `cairn` program.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the programs of this workspace are: beside the tests, or in `CAIRN_BIN`.
///
/// # Panics
/// When the program is not there.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let folder = match std::env::var_os("CAIRN_BIN") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let test = std::env::current_exe().expect("a process knows its program");
            let folder = test
                .ancestors()
                .nth(2)
                .expect("tests lie in target/release/deps");
            folder.to_owned()
        }
    };
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: build it with `cargo build --release --workspace`",
        path.display()
    );
    path
}

/// What became of a run of a program.
#[derive(Debug)]
pub struct Outcome {
    /// What was run.
    pub what: String,
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    fn new(what: String, output: &Output) -> Self {
        Self {
            what,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks the exit code.
    ///
    /// # Panics
    /// When it is another one.
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Checks that standard error says `text`.
    ///
    /// # Panics
    /// When it does not.
    pub fn expect_message(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "{text:?} is not in {self:#?}");
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Runs a program to its end, with nothing of this process's environment that Cairn reads.
///
/// # Panics
/// When it cannot be run.
#[must_use]
pub fn run(command: &mut Command) -> Outcome {
    let what = format!("{command:?}");
    for (name, _) in std::env::vars_os() {
        let cairn = name.to_str().is_some_and(|name| name.starts_with("CAIRN_"));
        let given = command.get_envs().any(|(known, _)| known == name);
        if cairn && !given {
            command.env_remove(name);
        }
    }
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    Outcome::new(what, &output)
}

/// Settings of somebody who uses `cairn`: everything is in the environment.
#[derive(Clone, Debug)]
pub struct Person {
    settings: Vec<(String, String)>,
}

impl Person {
    /// Somebody with these settings, and a folder for what the program remembers.
    #[must_use]
    pub fn new(home: &Path, settings: &[(&str, String)]) -> Self {
        let mut settings: Vec<(String, String)> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        for (name, folder) in [
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_CONFIG_HOME", "config"),
        ] {
            settings.push((name.to_owned(), home.join(folder).display().to_string()));
        }
        Self { settings }
    }

    /// The same person with another value for one setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// The command, for those who need the process.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("cairn"));
        command.args(arguments);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `cairn` with `--json`.
    #[must_use]
    pub fn cairn_json(&self, arguments: &[&str]) -> Outcome {
        let mut words = arguments.to_vec();
        words.push("--json");
        self.cairn(&words)
    }

    /// Runs `cairn` with `--json`, which has to succeed, and gives what it shows.
    ///
    /// # Panics
    /// When it fails, or shows no JSON.
    pub fn shown(&self, arguments: &[&str]) -> Value {
        let outcome = self.cairn_json(arguments);
        outcome.expect_code(0);
        outcome.json()
    }

    /// Runs `cairn`.
    #[must_use]
    pub fn cairn(&self, arguments: &[&str]) -> Outcome {
        run(&mut self.command(arguments))
    }
}
