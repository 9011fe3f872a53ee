//! Where the passphrase of a key file comes from. Never from an argument: those are for all to see.

use crate::settings::Settings;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// The most that is read of a passphrase file, bytes.
const MAX_FILE_BYTES: u64 = 4_096;

/// Why there is no passphrase.
#[derive(Debug, Error)]
pub(crate) enum PassphraseError {
    /// Nobody can be asked.
    #[error(
        "passphrase: cannot ask for it ({source}); give --passphrase-file or set CAIRN_PASSPHRASE"
    )]
    Prompt {
        /// What the terminal said.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("passphrase: cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("passphrase: {} has more than {MAX_FILE_BYTES} bytes, it is no passphrase file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The file begins with an empty line.
    #[error("passphrase: the first line of {} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Nothing was typed.
    #[error("passphrase: an empty one protects nothing; choose another")]
    NothingTyped,
    /// The repetition differs.
    #[error("passphrase: the two differ; begin again")]
    Differ,
}

/// A passphrase, wiped from memory when dropped.
pub(crate) type Passphrase = Zeroizing<String>;

/// The passphrase of the key file at `path`.
///
/// # Errors
/// When a file that was named is not usable, or nobody can be asked.
pub(crate) fn existing(settings: &Settings, path: &Path) -> Result<Passphrase, PassphraseError> {
    match given(settings)? {
        Some(passphrase) => Ok(passphrase),
        None => ask(&format!("Passphrase of {}: ", path.display())),
    }
}

/// The passphrase for a key file that is about to be written at `path`: asked for twice.
///
/// # Errors
/// As [`existing`], or when the two differ or are empty.
pub(crate) fn new(settings: &Settings, path: &Path) -> Result<Passphrase, PassphraseError> {
    if let Some(passphrase) = given(settings)? {
        return Ok(passphrase);
    }
    let first = ask(&format!("New passphrase for {}: ", path.display()))?;
    if first.is_empty() {
        return Err(PassphraseError::NothingTyped);
    }
    if *ask("The same again: ")? != *first {
        return Err(PassphraseError::Differ);
    }
    Ok(first)
}

/// What the settings say, if they say anything.
fn given(settings: &Settings) -> Result<Option<Passphrase>, PassphraseError> {
    if let Some(passphrase) = settings.passphrase() {
        return Ok(Some(passphrase.clone()));
    }
    settings.passphrase_file().map(first_line).transpose()
}

fn first_line(path: &Path) -> Result<Passphrase, PassphraseError> {
    let read = |source| PassphraseError::Read {
        path: path.to_owned(),
        source,
    };
    // Room for all of it at once: a string that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_BYTES as usize + 1));
    let file = File::open(path).map_err(read)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(read)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(PassphraseError::TooLong {
            path: path.to_owned(),
        });
    }
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(PassphraseError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(Zeroizing::new(line.to_owned()))
}

fn ask(question: &str) -> Result<Passphrase, PassphraseError> {
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|source| PassphraseError::Prompt { source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn the_first_line_counts_without_its_end() {
        for content in [
            "secret words",
            "secret words\n",
            "secret words\r\nsecond line\n",
        ] {
            let file = file(content.as_bytes());
            assert_eq!(*first_line(file.path()).unwrap(), "secret words");
        }
    }

    #[test]
    fn files_that_are_no_passphrase_are_refused() {
        let long = vec![b'a'; 5_000];
        let empty = file(b"\nsecond");
        assert!(matches!(
            first_line(empty.path()),
            Err(PassphraseError::Empty { .. })
        ));
        let long = file(&long);
        assert!(matches!(
            first_line(long.path()),
            Err(PassphraseError::TooLong { .. })
        ));
        let binary = file(&[0xff, 0xfe]);
        assert!(matches!(
            first_line(binary.path()),
            Err(PassphraseError::Read { .. })
        ));
        let missing = Path::new("/nonexistent/passphrase");
        assert!(matches!(
            first_line(missing),
            Err(PassphraseError::Read { .. })
        ));
    }
}
