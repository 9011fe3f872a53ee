//! Reads and writes of whole chunks past the page cache.
//!
//! A model is larger than many memories, written once and read now and then. Through the page cache it pushes out what
//! a validator's database, or whatever else runs on the machine, keeps there, and the processor has to find memory for
//! every byte and copy it. So chunks go to the disk and come from it directly (`O_DIRECT`), where file system and disk
//! can: where they cannot, and for what is short, these are ordinary reads and writes.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::pwritev;

/// What offsets, lengths and addresses of direct transfers are multiples of: at least the block of every disk.
pub(crate) const BLOCK: usize = 4096;
/// Shorter ones are not worth it.
const LEAST: usize = 256 * 1024;
/// Most bytes that are copied to an aligned address and written at once, if they are not at one already.
const PIECE: usize = 4 * 1024 * 1024;

thread_local! {
    /// Where writes of this thread are aligned.
    static ALIGNED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes all of `bytes` at `offset`. Unless their length is a multiple of 4,096, the file ends with them.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let worth_it = bytes.len() >= LEAST && offset.is_multiple_of(BLOCK as u64);
    let direct = worth_it && set_direct(file, true) && write_direct(file, bytes, offset).is_ok();
    if !direct {
        // What is wrong other than that it was direct, the ordinary call says again.
        set_direct(file, false);
        file.write_all_at(bytes, offset)?;
    }
    if bytes.len().is_multiple_of(BLOCK) {
        return Ok(());
    }
    file.set_len(offset + bytes.len() as u64)
}

/// Writes whole blocks, the last one filled up with zeros.
fn write_direct(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    if start(bytes) == 0 {
        return write_aligned(file, bytes, offset);
    }
    ALIGNED.with_borrow_mut(|buffer| {
        let length = bytes.len().min(PIECE).next_multiple_of(BLOCK);
        if buffer.len() < length + BLOCK {
            buffer.resize(length + BLOCK, 0);
        }
        let start = start(buffer);
        let aligned = &mut buffer[start..start + length];
        let mut at = offset;
        for piece in bytes.chunks(PIECE) {
            let whole = piece.len().next_multiple_of(BLOCK);
            aligned[..piece.len()].copy_from_slice(piece);
            aligned[piece.len()..whole].fill(0);
            file.write_all_at(&aligned[..whole], at)?;
            at += whole as u64;
        }
        Ok(())
    })
}

/// As [`write_direct`], from where the bytes are: only what does not fill a block is copied.
fn write_aligned(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % BLOCK);
    let mut last = [0; 2 * BLOCK];
    let start = start(&last);
    let last = &mut last[start..][..rest.len().next_multiple_of(BLOCK)];
    last[..rest.len()].copy_from_slice(rest);
    let both = [IoSlice::new(whole), IoSlice::new(last)];
    let written = pwritev(file, &both, offset)?;
    let of_whole = written.min(whole.len());
    let of_last = written - of_whole;
    file.write_all_at(&whole[of_whole..], offset + of_whole as u64)?;
    file.write_all_at(&last[of_last..], offset + (whole.len() + of_last) as u64)
}

/// The `length` bytes at `offset`; [`io::ErrorKind::UnexpectedEof`] if the file ends before.
pub(crate) fn read_exact_at(file: &File, length: usize, offset: u64) -> io::Result<Bytes> {
    let whole = length.next_multiple_of(BLOCK);
    let mut buffer = vec![0; whole + BLOCK];
    let start = start(&buffer);
    let target = &mut buffer[start..start + whole];
    let mut read = 0;
    if length >= LEAST && offset.is_multiple_of(BLOCK as u64) && set_direct(file, true) {
        // Ends at the end of the file, and where the disk has something against it.
        while let Ok(more) = file.read_at(&mut target[read..], offset + read as u64) {
            read += more;
            if more == 0 || read >= length || !more.is_multiple_of(BLOCK) {
                break;
            }
        }
    }
    if read < length {
        set_direct(file, false);
        file.read_exact_at(&mut target[read..length], offset + read as u64)?;
    }
    Ok(Bytes::from(buffer).slice(start..start + length))
}

/// Where a buffer is aligned, of which a block is left over for that.
pub(crate) fn start(buffer: &[u8]) -> usize {
    buffer.as_ptr().align_offset(BLOCK).min(BLOCK)
}

/// Whether transfers of this open file are as asked for now.
fn set_direct(file: &File, direct: bool) -> bool {
    let Ok(flags) = fcntl_getfl(file) else {
        return false;
    };
    let wanted = match direct {
        true => flags | OFlags::DIRECT,
        false => flags - OFlags::DIRECT,
    };
    wanted == flags || fcntl_setfl(file, wanted).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::OpenOptions;
    use std::path::Path;

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|number| (number % 251) as u8).collect()
    }

    fn round_trip(folder: &Path) {
        for (number, length) in [0, 1, BLOCK, LEAST - 1, LEAST, LEAST + 16, 3 * PIECE + 17]
            .into_iter()
            .enumerate()
        {
            let path = folder.join(number.to_string());
            let file = (OpenOptions::new().read(true).write(true).create_new(true))
                .open(&path)
                .unwrap();
            let bytes = content(2 * PIECE + length);
            // Longer than what is left in the end, unless that is whole blocks.
            let more = u64::from(!length.is_multiple_of(BLOCK));
            file.set_len(bytes.len() as u64 + more).unwrap();
            write_all_at(&file, &bytes[..2 * PIECE], 0).unwrap();
            write_all_at(&file, &bytes[2 * PIECE..], 2 * PIECE as u64).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            let all = read_exact_at(&file, bytes.len(), 0).unwrap();
            assert_eq!(all, bytes);
            let rest = read_exact_at(&file, length, 2 * PIECE as u64).unwrap();
            assert_eq!(rest, bytes[2 * PIECE..]);
            let part = read_exact_at(&file, PIECE, 5).unwrap();
            assert_eq!(part, bytes[5..PIECE + 5]);
            let beyond = read_exact_at(&file, bytes.len() + 1, 0).unwrap_err();
            assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn what_is_written_is_read_on_a_disk_and_in_memory() {
        round_trip(tempfile::tempdir().unwrap().path());
        round_trip(tempfile::tempdir_in("/dev/shm").unwrap().path());
    }

    #[test]
    fn what_is_aligned_is_written_from_where_it_is() {
        for folder in [tempfile::tempdir(), tempfile::tempdir_in("/dev/shm")] {
            let folder = folder.unwrap();
            let mut memory = content(2 * LEAST + 3 * BLOCK);
            let start = start(&memory);
            for (number, length) in [LEAST, LEAST + 1, LEAST + 16, 2 * LEAST + BLOCK - 1]
                .into_iter()
                .enumerate()
            {
                memory[start] = number as u8;
                let bytes = &memory[start..start + length];
                let path = folder.path().join(number.to_string());
                let file = File::create_new(&path).unwrap();
                write_all_at(&file, bytes, 0).unwrap();
                assert_eq!(std::fs::read(&path).unwrap(), bytes);
                assert!(ALIGNED.with_borrow(Vec::is_empty), "a copy was made");
            }
        }
    }

    #[test]
    fn an_error_is_that_of_the_ordinary_call() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob");
        let bytes = content(LEAST);
        std::fs::write(&path, &bytes).unwrap();
        let only_read = File::open(&path).unwrap();
        let refused = write_all_at(&only_read, &bytes[1..], 0).unwrap_err();
        let ordinary = only_read.write_all_at(b"other", 0).unwrap_err();
        assert_eq!(refused.raw_os_error(), ordinary.raw_os_error());
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
