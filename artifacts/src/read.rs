//! Reads files chunk by chunk on a thread of its own, hashing each file on the way.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cairn_crypto::{Digest, Hasher};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::buffer::Buffer;
use crate::chunk::{self, ContentTag, Place, TagHasher};
use crate::error::PackageError;

/// Bytes that are read and hashed before the next ones are: they are still in the core's cache.
const PIECE: usize = 256 * 1024;

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
        /// Of a chunk of several, if the reader was to make tags.
        tag: Option<ContentTag>,
        data: Buffer,
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
/// hands them to `steps`, with their tags if it is to make them. Ends early without an error when the other side has gone.
pub(crate) fn read_all(
    sources: &[Source],
    tagged: bool,
    buffers: &mut Receiver<Buffer>,
    steps: &Sender<Step>,
) -> Result<(), PackageError> {
    for (number, source) in sources.iter().enumerate() {
        if read_one(number, source, tagged, buffers, steps)?.is_none() {
            break;
        }
    }
    Ok(())
}

/// `None` when nobody listens any more.
fn read_one(
    number: usize,
    source: &Source,
    tagged: bool,
    buffers: &mut Receiver<Buffer>,
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
        let mut tagger = (tagged && hasher.is_some()).then(TagHasher::new);
        for piece in data.resize(length).chunks_mut(PIECE) {
            file.read_exact(piece).map_err(failed)?;
            if let Some(hasher) = &mut hasher {
                hasher.update(piece);
            }
            if let Some(tagger) = &mut tagger {
                tagger.update(piece);
            }
        }
        let step = Step::Chunk {
            source: number,
            place: Place::of(size, index),
            tag: tagger.map(|tagger| tagger.finish()),
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
    let mut buffer = vec![0; PIECE];
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chunk::CHUNK_SIZE;
    use tokio::sync::mpsc;

    #[test]
    fn chunks_come_in_order_with_their_tags_and_the_digest_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let content: Vec<u8> = (0..CHUNK_SIZE + PIECE + 5)
            .map(|number| (number % 251) as u8)
            .collect();
        std::fs::write(&path, &content).unwrap();
        let name = "model".to_owned();
        let sources = [Source { name, path }];
        for tagged in [true, false] {
            let (free, mut buffers) = mpsc::channel(2);
            let (steps, mut told) = mpsc::channel(3);
            for _ in 0..2 {
                free.try_send(Buffer::default()).unwrap();
            }
            read_all(&sources, tagged, &mut buffers, &steps).unwrap();
            for expected in content.chunks(CHUNK_SIZE) {
                let Step::Chunk { tag, data, .. } = told.try_recv().unwrap() else {
                    panic!("the file is longer");
                };
                assert_eq!(data.as_ref(), expected);
                assert_eq!(tag, tagged.then(|| ContentTag::of(expected)));
            }
            let Step::End { size, digest, .. } = told.try_recv().unwrap() else {
                panic!("the file is shorter");
            };
            assert_eq!(size, content.len() as u64);
            assert_eq!(digest, Some(Digest::of(&content)));
        }
    }
}
