//! Files of random bytes: incompressible, and no two chunks alike.

use cairn_crypto::{Seed, aead};
use std::io::Write;
use std::path::Path;

/// Bytes that are made at once.
const BLOCK: usize = 4 << 20;

/// Writes a new file of so many bytes, expanded from a seed, and syncs it.
pub(crate) fn write(path: &Path, bytes: u64) -> anyhow::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    let seed = Seed::generate()?;
    let mut left = bytes;
    let mut block = 0_u64;
    while left > 0 {
        let size = usize::try_from(left.min(BLOCK as u64))?;
        let mut chunk = vec![0_u8; size];
        let mut nonce = [0_u8; 12];
        nonce[..8].copy_from_slice(&block.to_be_bytes());
        aead::seal_in_place(seed.as_bytes(), &nonce, b"", &mut chunk)?;
        file.write_all(&chunk[..size])?;
        left -= size as u64;
        block += 1;
    }
    Ok(file.sync_all()?)
}
