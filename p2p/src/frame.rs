//! Frames on a stream: a length (u32, big-endian), then that many bytes. And on the way back, acknowledgements:
//! how many messages have been taken since the stream began (u64, big-endian).

use bytes::{Bytes, BytesMut};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::FrameError;

/// Frames up to this size are copied together and written at once; a longer one is written from
/// where it lies.
const COALESCE_BYTES: usize = 16 << 10;

/// Reads one frame. The limit is checked before anything is allocated.
///
/// # Errors
/// A length beyond `limit`, or a broken or ended stream.
pub(crate) async fn read_frame<R>(io: &mut R, limit: usize) -> Result<Bytes, FrameError>
where
    R: AsyncRead + Unpin,
{
    let mut header = [0; 4];
    io.read_exact(&mut header).await?;
    let len = u32::from_be_bytes(header) as usize;
    if len > limit {
        return Err(FrameError::TooLong { len, limit });
    }
    // Zeroed pages are taken from the system only as bytes arrive, so that a peer which announces
    // much and sends little holds little.
    let mut frame = BytesMut::zeroed(len);
    io.read_exact(&mut frame).await?;
    Ok(frame.freeze())
}

/// Writes frames, as few writes as they allow, and flushes once. `scratch` is kept by the caller
/// between calls.
///
/// # Errors
/// A frame that no u32 can count, or a broken stream.
pub(crate) async fn write_frames<W>(
    io: &mut W,
    frames: &[Bytes],
    scratch: &mut Vec<u8>,
) -> Result<(), FrameError>
where
    W: AsyncWrite + Unpin,
{
    scratch.clear();
    for frame in frames {
        let len = u32::try_from(frame.len()).map_err(|_| FrameError::TooLong {
            len: frame.len(),
            limit: u32::MAX as usize,
        })?;
        scratch.extend_from_slice(&len.to_be_bytes());
        if frame.len() <= COALESCE_BYTES {
            scratch.extend_from_slice(frame);
            if scratch.len() < COALESCE_BYTES {
                continue;
            }
            io.write_all(scratch).await?;
        } else {
            io.write_all(scratch).await?;
            io.write_all(frame).await?;
        }
        scratch.clear();
    }
    if !scratch.is_empty() {
        io.write_all(scratch).await?;
    }
    io.flush().await?;
    Ok(())
}

/// Reads how many messages the peer has taken.
pub(crate) async fn read_ack<R>(io: &mut R) -> Result<u64, FrameError>
where
    R: AsyncRead + Unpin,
{
    let mut count = [0; 8];
    io.read_exact(&mut count).await?;
    Ok(u64::from_be_bytes(count))
}

/// Tells the peer how many of its messages we have taken.
pub(crate) async fn write_ack<W>(io: &mut W, count: u64) -> Result<(), FrameError>
where
    W: AsyncWrite + Unpin,
{
    io.write_all(&count.to_be_bytes()).await?;
    io.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::{executor::block_on, io::Cursor};
    use proptest::prelude::*;

    fn written(frames: &[Bytes]) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        block_on(write_frames(&mut out, frames, &mut Vec::new())).unwrap();
        out.into_inner()
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused_by_its_header_alone() {
        let mut header = Cursor::new(u32::MAX.to_be_bytes());
        let read = block_on(read_frame(&mut header, 8 << 20));
        assert!(matches!(
            read,
            Err(FrameError::TooLong {
                len: 0xffff_ffff,
                limit: 0x80_0000
            })
        ));
    }

    #[test]
    fn a_truncated_frame_is_an_error_wherever_it_is_cut() {
        let bytes = written(&[Bytes::from_static(b"message")]);
        for cut in 0..bytes.len() {
            let read = block_on(read_frame(&mut Cursor::new(&bytes[..cut]), 100));
            assert!(matches!(read, Err(FrameError::Io(_))), "cut at {cut}");
        }
    }

    #[test]
    fn an_acknowledgement_is_read_as_written() {
        let mut out = Cursor::new(Vec::new());
        block_on(write_ack(&mut out, 7 << 40)).unwrap();
        assert_eq!(
            block_on(read_ack(&mut Cursor::new(out.into_inner()))).unwrap(),
            7 << 40
        );
    }

    proptest! {
        #[test]
        fn frames_of_all_sizes_are_read_as_written(
            sizes in proptest::collection::vec(prop_oneof![0usize..64, 16_000usize..17_000, 60_000usize..70_000], 0..12),
        ) {
            let frames: Vec<Bytes> =
                sizes.iter().enumerate().map(|(i, &n)| Bytes::from(vec![i as u8; n])).collect();
            let mut bytes = Cursor::new(written(&frames));
            for frame in &frames {
                prop_assert_eq!(&block_on(read_frame(&mut bytes, 70_000)).unwrap(), frame);
            }
            prop_assert_eq!(bytes.position() as usize, bytes.get_ref().len());
        }

        #[test]
        fn random_bytes_never_panic_nor_pass_the_limit(random in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(frame) = block_on(read_frame(&mut Cursor::new(&random), 100)) {
                prop_assert!(frame.len() <= 100);
            }
        }
    }
}
