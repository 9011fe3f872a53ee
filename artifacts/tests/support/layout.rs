//! The encoding of a stored manifest, written out once more: with it a test can make packages that
//! the crate itself would never make, as a malicious publisher could. It fails with the encoding.

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_artifacts::Manifest;
use cairn_crypto::Digest;

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Stored {
    pub format: u8,
    pub blobs: Vec<(Digest, u32)>,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Content {
    Public(Box<Contents>),
    Private([u8; 32], Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Contents {
    pub manifest: Manifest,
    pub files: Vec<Option<File>>,
    pub vector: Option<(u32, Option<File>)>,
    pub signatures: (Option<Vec<u8>>, Option<Vec<u8>>),
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct File {
    pub secret: ([u8; 32], [u8; 16]),
    pub tags: Vec<[u8; 32]>,
}

impl Stored {
    pub fn contents(&mut self) -> &mut Contents {
        match &mut self.content {
            Content::Public(contents) => contents,
            Content::Private(..) => panic!("the package is private"),
        }
    }
}
