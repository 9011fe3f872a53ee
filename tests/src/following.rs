//! The events that `cairn` tells: all of them, or as they happen.

use crate::{Network, Person, until};
use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// One line of JSON for each event.
fn lines(text: &str) -> Vec<Value> {
    // The last line may not be whole yet.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let read =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    whole.lines().map(read).collect()
}

/// Their ids.
///
/// # Panics
/// When one has none.
#[must_use]
pub fn ids(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["id"].as_str().expect("an event has an id"))
        .collect()
}

/// `cairn events --follow` in the background, ended with its owner.
pub struct Following {
    child: Child,
    file: PathBuf,
}

impl Following {
    /// Begins with the first block; `file` is written.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn start(person: &Person, file: PathBuf, arguments: &[&str]) -> Self {
        let mut words = vec!["events", "--follow", "--from", "0", "--json"];
        words.extend(arguments);
        let child = person
            .command(&words)
            .stdin(Stdio::null())
            .stdout(File::create(&file).expect("a file can be written"))
            .spawn()
            .expect("cairn can be started");
        Self { child, file }
    }

    /// What was told so far.
    ///
    /// # Panics
    /// When it is no JSON.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        lines(&std::fs::read_to_string(&self.file).expect("the file is there"))
    }

    /// Waits until this event was told.
    ///
    /// # Panics
    /// When it is not, or the program ends.
    pub fn wait_for(&mut self, network: &Network, id: &str) {
        until(network.patience() * 2, &format!("event {id}"), || {
            let ended = self
                .child
                .try_wait()
                .expect("a process of ours can be waited for");
            assert!(ended.is_none(), "the stream ended: {ended:?}");
            ids(&self.events()).contains(&id).then_some(())
        });
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// All events that there are, as a person is told them.
///
/// # Panics
/// When they are not told.
#[must_use]
pub fn history(person: &Person, arguments: &[&str]) -> Vec<Value> {
    let mut words = vec!["events", "--json"];
    words.extend(arguments);
    let outcome = person.cairn(&words);
    outcome.expect_code(0);
    lines(&outcome.stdout)
}
