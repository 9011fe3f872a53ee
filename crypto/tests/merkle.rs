//! The Merkle tree against the published vectors of Certificate Transparency, against RFC 6962's recursive
//! definition, and against everything that is not a proof.
//!
//! The vectors are those of the reference implementation (github.com/google/certificate-transparency,
//! `cpp/merkletree/merkle_tree_test.cc`), also kept by its successor (github.com/transparency-dev/merkle, `testonly`).

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use cairn_crypto::merkle::{
    ConsistencyProof, Frontier, InclusionProof, MerkleError, leaf_hash, node_hash, prove,
    prove_consistency, prove_consistency_from, prove_from, root,
};
use cairn_crypto::{Digest, decode};
use proptest::prelude::*;

/// The leaves of the certificate-transparency tests.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// Their roots, over the first one, two, ... of them.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const A: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const B: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const C: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const D: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const E: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const F: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

fn published_leaves() -> Vec<Digest> {
    LEAVES
        .iter()
        .map(|leaf| leaf_hash(&hex::decode(leaf).unwrap()))
        .collect()
}

/// MTH of RFC 6962 section 2.1, word for word.
fn recursive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let mut k = 1;
            while 2 * k < leaves.len() {
                k *= 2;
            }
            node_hash(&recursive_root(&leaves[..k]), &recursive_root(&leaves[k..]))
        }
    }
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// The nodes that a store keeps: everything that the frontier reports.
fn stored(leaves: &[Digest]) -> BTreeMap<(u8, u64), Digest> {
    let mut nodes = BTreeMap::new();
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push_with(*leaf, |level, index, hash| {
            assert_eq!(nodes.insert((level, index), hash), None, "reported twice");
        });
    }
    nodes
}

#[test]
fn roots_are_the_published_ones() {
    let leaves = published_leaves();
    assert_eq!(
        root(&[]).to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(root(&leaves[..=size]), digest(expected));
    }
}

#[test]
fn inclusion_paths_are_the_published_ones() {
    let leaves = published_leaves();
    for (index, size, path) in [
        (0, 1, vec![]),
        (0, 8, vec![A, B, C]),
        (5, 8, vec![D, E, ROOTS[3]]),
        (2, 3, vec![ROOTS[1]]),
        (1, 5, vec![ROOTS[0], B, D]),
    ] {
        let proof = prove(&leaves[..size], index).unwrap();
        let expected: Vec<Digest> = path.into_iter().map(digest).collect();
        assert_eq!(proof.path, expected, "leaf {index} of {size}");
        let leaf = &leaves[index as usize];
        proof.verify(leaf, &digest(ROOTS[size - 1])).unwrap();
    }
}

#[test]
fn consistency_paths_are_the_published_ones() {
    let leaves = published_leaves();
    for (old, new, path) in [
        (1, 1, vec![]),
        (1, 8, vec![A, B, C]),
        (6, 8, vec![F, E, ROOTS[3]]),
        (2, 5, vec![B, D]),
    ] {
        let proof = prove_consistency(&leaves[..new], old as u64).unwrap();
        let expected: Vec<Digest> = path.into_iter().map(digest).collect();
        assert_eq!(proof.path, expected, "from {old} to {new}");
        let (old, new) = (digest(ROOTS[old - 1]), digest(ROOTS[new - 1]));
        proof.verify(&old, &new).unwrap();
    }
}

#[test]
fn for_every_size_the_frontier_has_the_root_of_the_definition() {
    let leaves = leaves(130);
    let mut frontier = Frontier::new();
    for size in 0..leaves.len() {
        assert_eq!(frontier.len(), size as u64);
        assert_eq!(frontier.root(), recursive_root(&leaves[..size]));
        frontier.push(leaves[size]);
    }
}

#[test]
fn for_every_size_and_leaf_the_proof_from_stored_nodes_verifies_and_no_other_leaf_passes() {
    let leaves = leaves(70);
    let nodes = stored(&leaves);
    for size in 1..=leaves.len() as u64 {
        let tree = &leaves[..size as usize];
        let root = root(tree);
        for index in 0..size {
            // Only complete subtrees of this tree are asked for, although later ones are stored.
            let proof = prove_from(index, size, |level, at| {
                assert!((at + 1) << level <= size);
                nodes.get(&(level, at)).copied().ok_or(())
            })
            .unwrap();
            assert_eq!(Some(&proof), prove(tree, index).as_ref());
            for (other, leaf) in tree.iter().enumerate() {
                let verified = proof.verify(leaf, &root).is_ok();
                assert_eq!(verified, other as u64 == index);
            }
        }
    }
}

#[test]
fn for_every_pair_of_sizes_the_consistency_proof_verifies_for_these_roots_only() {
    let leaves = leaves(70);
    let nodes = stored(&leaves);
    let roots: Vec<Digest> = (0..=70).map(|size| root(&leaves[..size])).collect();
    for new in 0..=70u64 {
        for old in 0..=new {
            let proof = prove_consistency_from(old, new, |level, at| {
                nodes.get(&(level, at)).copied().ok_or(())
            })
            .unwrap();
            let memory = prove_consistency(&leaves[..new as usize], old);
            assert_eq!(Some(&proof), memory.as_ref());
            let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
            proof.verify(old_root, new_root).unwrap();
            let other = Digest::of(b"another tree");
            assert!(proof.verify(&other, new_root).is_err());
            // A tree continues the empty one whatever it holds.
            assert_eq!(
                proof.verify(old_root, &other).is_err(),
                old != 0 || new == 0
            );
        }
    }
}

#[test]
fn a_rewritten_history_has_no_consistency_proof() {
    let honest = leaves(50);
    for changed in 0..30 {
        let mut rewritten = honest.clone();
        rewritten[changed] = leaf_hash(b"rewritten");
        let proof = prove_consistency(&rewritten, 30).unwrap();
        let verdict = proof.verify(&root(&honest[..30]), &root(&rewritten));
        assert!(matches!(verdict, Err(MerkleError::RootMismatch { .. })));
    }
}

#[test]
fn proofs_outside_the_tree_are_refused_and_not_made() {
    let leaves = leaves(5);
    assert_eq!(prove(&leaves, 5), None);
    assert_eq!(prove(&[], 0), None);
    assert_eq!(prove_consistency(&leaves, 6), None);

    let nothing = |_, _| -> Result<Digest, ()> { panic!("no node is needed") };
    let inclusion = prove_from(5, 5, nothing).unwrap();
    assert_eq!(
        inclusion.verify(&leaves[0], &root(&leaves)),
        Err(MerkleError::OutOfRange { index: 5, size: 5 })
    );
    let consistency = prove_consistency_from(6, 5, nothing).unwrap();
    assert!(matches!(
        consistency.verify(&root(&leaves), &root(&leaves)),
        Err(MerkleError::Shrunk { .. })
    ));
}

#[test]
fn the_error_of_the_store_is_the_error_of_the_prover() {
    let lost = |_, _| Err::<Digest, _>("lost");
    assert_eq!(prove_from(3, 9, lost), Err("lost"));
    assert_eq!(prove_consistency_from(3, 9, lost), Err("lost"));
}

#[test]
fn the_largest_sizes_are_judged_without_overflow() {
    let leaf = leaf_hash(b"leaf");
    for (index, size) in [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, u64::MAX)] {
        for length in [0, 1, 63, 64, 65, 200] {
            let path = vec![leaf; length];
            let inclusion = InclusionProof { index, size, path };
            assert!(inclusion.verify(&leaf, &leaf).is_err());
            let consistency = ConsistencyProof {
                old_size: index.max(1),
                new_size: size,
                path: inclusion.path,
            };
            assert!(consistency.verify(&leaf, &leaf).is_err());
        }
    }
    // The walk itself, over a tree that nobody has.
    let nodes = |level: u8, index: u64| {
        Ok::<_, ()>(leaf_hash(&[&[level][..], &index.to_be_bytes()].concat()))
    };
    assert_eq!(prove_from(0, u64::MAX, nodes).unwrap().path.len(), 64);
    let proof = prove_consistency_from(u64::MAX - 1, u64::MAX, nodes).unwrap();
    assert!(proof.path.len() <= 65);
}

#[test]
fn a_frontier_is_read_back_and_one_with_another_number_of_peaks_refused() {
    let mut frontier = Frontier::new();
    for leaf in leaves(13) {
        let bytes = borsh::to_vec(&frontier).unwrap();
        assert_eq!(decode::<Frontier>(&bytes, 10_000).as_ref(), Ok(&frontier));
        frontier.push(leaf);
    }
    let mut bytes = borsh::to_vec(&frontier).unwrap();
    bytes[0] ^= 1;
    assert!(decode::<Frontier>(&bytes, 10_000).is_err());
}

fn flip(path: &[Digest], at: usize, bit: usize) -> Vec<Digest> {
    let mut path = path.to_vec();
    let mut bytes = *path[at].as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    path[at] = Digest::new(bytes);
    path
}

proptest! {
    #[test]
    fn any_bit_flipped_in_an_inclusion_proof_fails(
        size in 2u64..2000, index: prop::sample::Index, at: prop::sample::Index, bit in 0usize..256,
    ) {
        let leaves = leaves(size);
        let index = index.index(size as usize);
        let (leaf, root) = (leaves[index], root(&leaves));
        let proof = prove(&leaves, index as u64).unwrap();
        prop_assert_eq!(proof.verify(&leaf, &root), Ok(()));

        let path = flip(&proof.path, at.index(proof.path.len()), bit);
        let flipped = InclusionProof { path, ..proof };
        prop_assert!(flipped.verify(&leaf, &root).is_err());
        let other_leaf = flip(&[leaf], 0, bit)[0];
        prop_assert!(proof.verify(&other_leaf, &root).is_err());
        let other_root = flip(&[root], 0, bit)[0];
        prop_assert!(proof.verify(&leaf, &other_root).is_err());

        let mut longer = proof.clone();
        longer.path.push(root);
        prop_assert!(longer.verify(&leaf, &root).is_err());
        let mut shorter = proof.clone();
        shorter.path.pop();
        prop_assert!(shorter.verify(&leaf, &root).is_err());
        let mut elsewhere = proof;
        elsewhere.index = (index as u64 + 1) % size;
        prop_assert!(elsewhere.verify(&leaf, &root).is_err());
    }

    #[test]
    fn any_bit_flipped_in_a_consistency_proof_fails(
        new in 2u64..2000, old: prop::sample::Index, at: prop::sample::Index, bit in 0usize..256,
    ) {
        let leaves = leaves(new);
        let old = 1 + old.index(new as usize - 1);
        let (old_root, new_root) = (root(&leaves[..old]), root(&leaves));
        let proof = prove_consistency(&leaves, old as u64).unwrap();
        prop_assert_eq!(proof.verify(&old_root, &new_root), Ok(()));

        let path = flip(&proof.path, at.index(proof.path.len()), bit);
        let flipped = ConsistencyProof { path, ..proof };
        prop_assert!(flipped.verify(&old_root, &new_root).is_err());
        prop_assert!(proof.verify(&flip(&[old_root], 0, bit)[0], &new_root).is_err());
        prop_assert!(proof.verify(&old_root, &flip(&[new_root], 0, bit)[0]).is_err());
        let mut shorter = proof.clone();
        shorter.path.pop();
        prop_assert!(shorter.verify(&old_root, &new_root).is_err());
    }

    #[test]
    fn random_proofs_are_refused_without_a_panic(
        index: u64, size: u64, path in prop::collection::vec(any::<[u8; 32]>(), 0..70), leaf: [u8; 32], root: [u8; 32],
    ) {
        let path: Vec<Digest> = path.into_iter().map(Digest::new).collect();
        let (leaf, root) = (Digest::new(leaf), Digest::new(root));
        let inclusion = InclusionProof { index, size, path };
        prop_assert!(inclusion.verify(&leaf, &root).is_err());
        let consistency = ConsistencyProof { old_size: index.max(1), new_size: size, path: inclusion.path };
        prop_assert!(consistency.verify(&leaf, &root).is_err());
    }
}
