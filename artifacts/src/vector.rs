//! Embedding vectors: one `.npy` file of 3072 little-endian 32-bit floats.
//!
//! The file is stored like a file of the model but beside its files, so that it is no part of the
//! root. Its hash on the ledger is [`crate::Manifest::vector_hash`].

use std::fs::File;
use std::io::Read;
use std::path::Path;

use thiserror::Error;

use crate::error::PackageError;

/// Numbers in an embedding vector.
pub const DIMENSION: usize = 3072;
/// Most bytes of a vector's file. A header may be padded; the numbers take 12,288 bytes.
pub const MAX_VECTOR_FILE: usize = 64 * 1024;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Why a file is not an embedding vector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VectorError {
    /// Longer than [`MAX_VECTOR_FILE`].
    #[error(
        "the file is longer than {MAX_VECTOR_FILE} bytes; a vector has {DIMENSION} numbers of 4 bytes"
    )]
    TooLong,
    /// No `.npy` file, or its header is damaged.
    #[error("not a .npy file: {0}; write it with numpy.save")]
    NotNpy(&'static str),
    /// The numbers are not little-endian 32-bit floats.
    #[error("the numbers have the type {0:?}, expected '<f4'; convert with .astype('<f4')")]
    Type(String),
    /// The shape is neither `(3072,)` nor `(1, 3072)`.
    #[error("the shape is {0:?}, expected ({DIMENSION},) or (1, {DIMENSION})")]
    Shape(Vec<u64>),
    /// The data is shorter or longer than the shape says.
    #[error("the data has {got} bytes, expected {expected}")]
    DataLength {
        /// Bytes that the shape asks for.
        expected: usize,
        /// Bytes after the header.
        got: usize,
    },
    /// A number is NaN or infinite.
    #[error("number {index} is not finite")]
    NotFinite {
        /// Which number, from 0.
        index: usize,
    },
}

/// Reads an embedding vector from the bytes of a `.npy` file (format versions 1 to 3).
///
/// # Errors
/// What is wrong with the file, see [`VectorError`].
pub fn parse(bytes: &[u8]) -> Result<Vec<f32>, VectorError> {
    if bytes.len() > MAX_VECTOR_FILE {
        return Err(VectorError::TooLong);
    }
    let (header, data) = split_header(bytes)?;
    let header = Header::parse(header).ok_or(VectorError::NotNpy("its header is not readable"))?;
    if header.descr != "<f4" {
        return Err(VectorError::Type(header.descr));
    }
    if header.fortran_order && header.shape.len() > 1 {
        return Err(VectorError::NotNpy("it is in Fortran order"));
    }
    let dimension = DIMENSION as u64;
    if header.shape != [dimension] && header.shape != [1, dimension] {
        return Err(VectorError::Shape(header.shape));
    }
    if data.len() != DIMENSION * 4 {
        return Err(VectorError::DataLength {
            expected: DIMENSION * 4,
            got: data.len(),
        });
    }
    let numbers = data
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b));
    let numbers: Vec<f32> = numbers.collect();
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(index) => Err(VectorError::NotFinite { index }),
        None => Ok(numbers),
    }
}

/// Reads and checks a vector's file and returns its bytes.
///
/// # Errors
/// [`PackageError::Io`] or [`PackageError::Vector`].
pub fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| {
            file.take(MAX_VECTOR_FILE as u64 + 1)
                .read_to_end(&mut bytes)
        })
        .map_err(PackageError::io("read", path))?;
    match parse(&bytes) {
        Ok(_) => Ok(bytes),
        Err(source) => Err(PackageError::Vector {
            path: path.to_path_buf(),
            source,
        }),
    }
}

/// Magic, version, header length (2 bytes in version 1, else 4), header, data.
fn split_header(bytes: &[u8]) -> Result<(&str, &[u8]), VectorError> {
    const SHORT: VectorError = VectorError::NotNpy("it ends within the header");
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or(VectorError::NotNpy("it does not begin as one"))?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return Err(VectorError::NotNpy("its format version is unknown")),
    };
    let (header, data) = rest.split_at_checked(length).ok_or(SHORT)?;
    let header =
        std::str::from_utf8(header).map_err(|_| VectorError::NotNpy("its header is not text"))?;
    Ok((header, data))
}

/// The header is a Python dictionary with exactly the keys `descr`, `fortran_order` and `shape`.
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<u64>,
}

impl Header {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let after = after.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" => {
                    let (value, after) = quoted(after)?;
                    descr.replace(value.to_owned()).is_none().then_some(after)?
                }
                "fortran_order" => {
                    let (value, after) = match after.strip_prefix("True") {
                        Some(after) => (true, after),
                        None => (false, after.strip_prefix("False")?),
                    };
                    fortran_order.replace(value).is_none().then_some(after)?
                }
                "shape" => {
                    let (inside, after) = after.strip_prefix('(')?.split_once(')')?;
                    shape.replace(tuple(inside)?).is_none().then_some(after)?
                }
                _ => return None,
            };
            rest = rest.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if rest.is_empty() => rest,
                None => return None,
            };
        }
        Some(Self {
            descr: descr?,
            fortran_order: fortran_order?,
            shape: shape?,
        })
    }
}

/// A string in single or double quotes and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// The numbers of a tuple: `3072,` or `1, 3072`.
fn tuple(inside: &str) -> Option<Vec<u64>> {
    let inside = inside.trim();
    let inside = inside.strip_suffix(',').unwrap_or(inside);
    if inside.is_empty() {
        return Some(Vec::new());
    }
    inside.split(',').map(|n| n.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[1, 0]);
        bytes.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn data() -> Vec<u8> {
        (0..DIMENSION)
            .flat_map(|n| (n as f32).to_le_bytes())
            .collect()
    }

    fn error(header: &str) -> VectorError {
        parse(&npy(header, &data())).unwrap_err()
    }

    #[test]
    fn what_numpy_writes_is_read() {
        let flat = "{'descr': '<f4', 'fortran_order': False, 'shape': (3072,), }          \n";
        let row = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3072), }\n";
        for header in [flat, row] {
            let numbers = parse(&npy(header, &data())).unwrap();
            assert_eq!(numbers.len(), DIMENSION);
            assert_eq!(numbers[3071], 3071.0);
        }
    }

    #[test]
    fn other_types_shapes_and_lengths_are_refused_with_the_value() {
        let double = "{'descr': '<f8', 'fortran_order': False, 'shape': (3072,), }";
        assert_eq!(error(double), VectorError::Type("<f8".to_owned()));
        let big_endian = "{'descr': '>f4', 'fortran_order': False, 'shape': (3072,), }";
        assert_eq!(error(big_endian), VectorError::Type(">f4".to_owned()));
        let short = "{'descr': '<f4', 'fortran_order': False, 'shape': (1024,), }";
        assert_eq!(error(short), VectorError::Shape(vec![1024]));
        let scalar = "{'descr': '<f4', 'fortran_order': False, 'shape': (), }";
        assert_eq!(error(scalar), VectorError::Shape(vec![]));
        let fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 3072), }";
        assert!(matches!(error(fortran), VectorError::NotNpy(_)));
        let doubled = "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3072,)}";
        assert!(matches!(error(doubled), VectorError::NotNpy(_)));

        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (3072,), }";
        let cut = parse(&npy(good, &data()[1..])).unwrap_err();
        let expected = DIMENSION * 4;
        let got = expected - 1;
        assert_eq!(cut, VectorError::DataLength { expected, got });
        let mut nan = data();
        nan[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
        let nan = parse(&npy(good, &nan)).unwrap_err();
        assert_eq!(nan, VectorError::NotFinite { index: 2 });
        assert_eq!(
            parse(&vec![0; MAX_VECTOR_FILE + 1]),
            Err(VectorError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut named = MAGIC.to_vec();
            named.extend_from_slice(&bytes);
            prop_assert!(parse(&bytes).is_err());
            prop_assert!(parse(&named).is_err());
        }

        #[test]
        fn no_header_makes_the_reader_panic(header in "[{}',:() a-z0-9<]{0,80}") {
            prop_assert!(parse(&npy(&header, &[])).is_err());
        }
    }
}
