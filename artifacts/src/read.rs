//! Reads files chunk by chunk on a thread of its own, hashing each file on the way.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cairn_crypto::{Digest, Hasher};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::chunk::{self, Place, SEAL_OVERHEAD};
use crate::error::PackageError;

const HASH_BUFFER: usize = 256 * 1024;

/// A file to read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Its path in the package, for messages.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
}

/// What the reader says, in order, file after file.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next chunk of a file.
    Chunk {
        source: usize,
        place: Place,
        data: Vec<u8>,
    },
    /// A file is read to its end. The digest of a file of one chunk is the chunk's, and is left to
    /// whoever hashes that.
    End {
        source: usize,
        size: u64,
        digest: Option<Digest>,
    },
}

/// Reads all sources into buffers taken from `buffers`, whose number bounds the memory in use, and
/// hands them to `steps`. Ends early without an error when the other side has gone.
pub(crate) fn read_all(
    sources: &[Source],
    buffers: &mut Receiver<Vec<u8>>,
    steps: &Sender<Step>,
) -> Result<(), PackageError> {
    for (number, source) in sources.iter().enumerate() {
        if read_one(number, source, buffers, steps)?.is_none() {
            break;
        }
    }
    Ok(())
}

/// `None` when nobody listens any more.
fn read_one(
    number: usize,
    source: &Source,
    buffers: &mut Receiver<Vec<u8>>,
    steps: &Sender<Step>,
) -> Result<Option<()>, PackageError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => changed(source),
        _ => PackageError::io("read", &source.path)(error),
    };
    let mut file = File::open(&source.path).map_err(PackageError::io("open", &source.path))?;
    let before = file.metadata().map_err(failed)?;
    let size = before.len();
    let mut hasher = (chunk::chunk_count(size) != 1).then(Hasher::new);
    for index in 0..chunk::chunk_count(size) {
        let length = chunk::chunk_len(size, index);
        let Some(mut data) = buffers.blocking_recv() else {
            return Ok(None);
        };
        // Room for the tag from the start, so that sealing does not move the chunk.
        data.reserve_exact((length + SEAL_OVERHEAD).saturating_sub(data.len()));
        data.resize(length, 0);
        file.read_exact(&mut data).map_err(failed)?;
        if let Some(hasher) = &mut hasher {
            hasher.update(&data);
        }
        let step = Step::Chunk {
            source: number,
            place: Place::of(size, index),
            data,
        };
        if steps.blocking_send(step).is_err() {
            return Ok(None);
        }
    }
    let after = file.metadata().map_err(failed)?;
    let grown = file.read(&mut [0]).map_err(failed)? != 0;
    if grown || after.modified().ok() != before.modified().ok() {
        return Err(changed(source));
    }
    let step = Step::End {
        source: number,
        size,
        digest: hasher.map(Hasher::finish),
    };
    Ok(steps.blocking_send(step).ok())
}

fn changed(source: &Source) -> PackageError {
    PackageError::FileChanged {
        path: source.name.clone(),
    }
}

/// Size and SHA-256 of a file.
pub(crate) fn hash_file(path: &Path) -> Result<(u64, Digest), PackageError> {
    let mut file = File::open(path).map_err(PackageError::io("open", path))?;
    let mut buffer = vec![0; HASH_BUFFER];
    let mut hasher = Hasher::new();
    let mut size = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((size, hasher.finish())),
            Ok(length) => {
                hasher.update(&buffer[..length]);
                size += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(PackageError::io("read", path)(error)),
        }
    }
}
