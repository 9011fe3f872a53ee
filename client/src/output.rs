//! What is shown: results on standard output, everything else on standard error.

use crate::exit::Failure;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Where results and notes go, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    /// For `--json` and `--quiet`.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether progress is to be drawn: somebody watches, and did not ask for quiet.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Shows a result: `value` with `--json`, otherwise what `text` makes for people.
    pub(crate) fn result<T: Serialize + ?Sized>(
        &self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            self.json(value)
        } else {
            self.text(&text())
        }
    }

    /// Shows a result as JSON, whether that was asked for or not.
    pub(crate) fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Failure> {
        let mut json = serde_json::to_string_pretty(value).map_err(|source| Failure::Json {
            what: "the result".to_owned(),
            source,
        })?;
        json.push('\n');
        self.text(&json)
    }

    /// Shows one of many results on a line of its own; whether anybody still reads.
    pub(crate) fn item<T: Serialize + ?Sized>(
        &self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<bool, Failure> {
        let mut line = if self.json {
            serde_json::to_string(value).map_err(|source| Failure::Json {
                what: "the result".to_owned(),
                source,
            })?
        } else {
            printable(&text())
        };
        line.push('\n');
        self.write(&line)
    }

    /// Writes text to standard output as it is.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.write(text).map(|_| ())
    }

    /// Writes to standard output; whether anybody still reads.
    fn write(&self, text: &str) -> Result<bool, Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        match written {
            Ok(()) => Ok(true),
            // Whoever read it has seen enough: `cairn list | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(source) => Err(Failure::Io {
                action: "write to",
                path: "standard output".into(),
                source,
            }),
        }
    }

    /// Says something in passing.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            to_stderr(&format!("{}\n", printable(text)));
        }
    }

    /// Says why the command failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            let error = serde_json::json!({
                "error": failure.to_string(),
                "exit_code": failure.exit() as u8,
            });
            to_stderr(&format!("{error}\n"));
        } else if colored() {
            to_stderr(&format!(
                "\x1b[1;31merror:\x1b[0m {}\n",
                printable_lines(&failure.to_string())
            ));
        } else {
            to_stderr(&format!(
                "error: {}\n",
                printable_lines(&failure.to_string())
            ));
        }
    }
}

/// A message that cannot be written has nobody to read it.
fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Colour is for terminals whose user does not forbid it (<https://no-color.org>).
fn colored() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !forbidden && !dumb && io::stderr().is_terminal()
}

/// Labels and values, one a line, the values in a column.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// No fields.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub(crate) fn add(mut self, label: &str, value: impl ToString) -> Self {
        self.0.push((label.to_owned(), value.to_string()));
        self
    }

    /// Adds a field where there is a value.
    pub(crate) fn add_some(self, label: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.add(label, value),
            None => self,
        }
    }

    /// The lines.
    pub(crate) fn render(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .0
            .iter()
            .map(|(label, value)| vec![label.clone(), value.clone()])
            .collect();
        columns(&rows)
    }
}

/// A table: a line of headings and a line for each row.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut lines = vec![headings.map(str::to_owned).to_vec()];
    lines.extend(rows.into_iter().map(|row| row.to_vec()));
    columns(&lines)
}

/// Cells padded to their column's width, two spaces between columns, none at the end of a line.
fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..count)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Other people's text (descriptions, metadata, what a node says) on one line, without what would
/// steer the terminal.
fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || reorders(character) {
            clean.extend(character.escape_debug());
        } else {
            clean.push(character);
        }
    }
    clean
}

/// As [`printable`], for messages that have lines: those of the configuration's parser do.
fn printable_lines(text: &str) -> String {
    text.trim_end()
        .split('\n')
        .map(printable)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Characters that change the order in which the text around them is shown.
fn reorders(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A number of seconds for people.
pub(crate) fn seconds(duration: std::time::Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let text = table(
            ["A", "LONGER", "LAST"],
            vec![
                ["ä".to_owned(), "x".to_owned(), String::new()],
                ["wide".to_owned(), "y".to_owned(), "z".to_owned()],
            ],
        );
        assert_eq!(text, "A     LONGER  LAST\nä     x\nwide  y       z\n");
    }

    #[test]
    fn fields_without_a_value_leave_no_line() {
        let fields = Fields::new()
            .add("one", 1)
            .add_some("two", None::<u8>)
            .add_some("three", Some(3));
        assert_eq!(fields.render(), "one    1\nthree  3\n");
    }

    #[test]
    fn other_peoples_text_cannot_steer_the_terminal() {
        let hostile = "a\x1b[2Jb\u{202e}c\rd\nstatus  proved";
        let text = Fields::new().add("note", hostile).render();
        assert_eq!(text, "note  a\\u{1b}[2Jb\\u{202e}c\\rd\\nstatus  proved\n");
        assert_eq!(printable_lines("one\n\ttwo\n"), "one\n\\ttwo");
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size(9_000_000), "8.58 MiB");
    }
}
