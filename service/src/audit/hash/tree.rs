//! The Merkle tree over a log's leaf hashes (RFC 6962, section 2.1), kept by its right edge.
//!
//! A tree of `n` leaves consists of perfect subtrees, one for each bit of `n`. Their roots are all
//! that the next leaf and the tree's own root need.

use sha2::{Digest, Sha256};

/// Length in bytes of a hash.
pub const HASH_BYTES: usize = 32;
/// A SHA-256 hash.
pub type Hash = [u8; HASH_BYTES];

/// First byte of what a node's hash is computed from (RFC 6962, section 2.1).
const NODE: u8 = 1;

/// The right edge of a tree: the roots of its perfect subtrees, largest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    roots: Vec<Hash>,
}

/// Bytes that are not the right edge of a tree of this size.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are not the right edge of a tree of {size} leaves")]
pub struct MalformedEdge {
    size: u64,
    bytes: usize,
}

impl Edge {
    /// Reads the right edge of a tree of `size` leaves from the bytes that [`Self::to_bytes`] gives.
    ///
    /// # Errors
    /// Bytes of another length than such a tree's.
    pub fn read(size: u64, bytes: &[u8]) -> Result<Self, MalformedEdge> {
        let (roots, rest) = bytes.as_chunks::<HASH_BYTES>();
        if rest.is_empty() && roots.len() as u64 == u64::from(size.count_ones()) {
            return Ok(Self { size, roots: roots.to_vec() });
        }
        Err(MalformedEdge { size, bytes: bytes.len() })
    }

    /// Returns the roots of the subtrees, one after the other.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.concat()
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut root = leaf;
        // A subtree merges with one of its own size: a carry in the binary size.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                root = node(&left, &root);
            }
        }
        self.roots.push(root);
        self.size += 1;
    }

    /// Computes the root of the tree; that of an empty tree is the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev().copied();
        let smallest = roots.next().unwrap_or_else(|| Sha256::digest([]).into());
        roots.fold(smallest, |right, left| node(&left, &right))
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new_with_prefix([NODE]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MTH as RFC 6962 defines it: by splitting at the largest power of two below the size.
    fn root_of(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(&root_of(left), &root_of(right))
            }
        }
    }

    #[test]
    fn root_of_each_size_is_that_of_the_definition() {
        let leaves: Vec<Hash> =
            (0..1_000_u32).map(|leaf| Sha256::digest(leaf.to_be_bytes()).into()).collect();
        let mut edge = Edge::read(0, &[]).unwrap();
        for size in 0..=leaves.len() {
            assert_eq!(edge.root(), root_of(&leaves[..size]), "{size} leaves");
            assert_eq!(Edge::read(size as u64, &edge.to_bytes()), Ok(edge.clone()));
            leaves.get(size).into_iter().for_each(|leaf| edge.push(*leaf));
        }
    }

    /// The roots of the eight trees in the tests of the reference implementation of RFC 6962.
    #[test]
    fn roots_are_those_of_the_reference() {
        let leaves: [&[u8]; 8] = [
            &[],
            &[0],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[
                0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
                0x6e, 0x6f,
            ],
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = Edge::read(0, &[]).unwrap();
        for (leaf, root) in leaves.into_iter().zip(roots) {
            edge.push(Sha256::digest([&[0], leaf].concat()).into());
            assert_eq!(crate::hex(&edge.root()), root);
        }
    }

    #[test]
    fn bytes_of_another_size_are_no_edge() {
        for (size, bytes) in [(0, 32), (1, 0), (3, 32), (3, 65), (4, 64)] {
            assert_eq!(Edge::read(size, &vec![0; bytes]), Err(MalformedEdge { size, bytes }));
        }
    }
}
