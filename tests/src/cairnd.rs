//! The program `cairnd` as a validator runs it.

use crate::Network;
use crate::person::program;
use std::process::Command;

impl Network {
    /// Sets a variable of the environment of every validator that is started from now on.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// A command of `cairnd` with the configuration and in the environment of a validator.
    ///
    /// # Panics
    /// When the program is not there.
    #[must_use]
    pub fn cairnd(&self, index: usize, words: &[&str]) -> Command {
        let mut command = Command::new(program("cairnd"));
        command.args(words).arg("--config");
        command.arg(self.layout().config(index));
        let environment = self.environment.iter();
        command.envs(environment.map(|(name, value)| (name, value)));
        command
    }
}
