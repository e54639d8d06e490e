//! Checksums of tables, independent of the order of rows.

use sha2::{Digest, Sha256};

use crate::hex;

/// Digest of a table's rows: their number, length and checksum.
///
/// The checksum is the sum, modulo 2^256, of the SHA-256 of each row's canonical line. It is a sum
/// rather than an exclusive or, because a duplicated row would cancel itself out in the latter. The
/// checksum detects faults; the authenticated SHA-256 of the whole file detects forgery.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct TableDigest {
    /// Number of rows.
    pub rows: u64,
    /// Length of the rows' canonical lines in bytes, line breaks included.
    pub bytes: u64,
    /// Checksum as 64-bit limbs, least significant first.
    sum: [u64; 4],
}

impl TableDigest {
    /// Creates a digest from the values in a manifest.
    pub(super) fn of(rows: u64, bytes: u64, checksum: [u8; 32]) -> Self {
        Self { rows, bytes, sum: limbs(checksum) }
    }

    /// Adds a row's canonical line, given without its line break.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.rows += 1;
        self.bytes += line.len() as u64 + 1;
        let mut carry = false;
        for (sum, limb) in self.sum.iter_mut().zip(limbs(Sha256::digest(line).into())) {
            let (total, over) = sum.overflowing_add(limb);
            let (total, over_again) = total.overflowing_add(u64::from(carry));
            *sum = total;
            carry = over || over_again;
        }
    }

    /// Returns the checksum in lower-case hexadecimal, most significant digit first.
    #[must_use]
    pub fn checksum(&self) -> String {
        let bytes: Vec<u8> = self.sum.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        hex(&bytes)
    }
}

/// Converts a big-endian number of 32 bytes to 64-bit limbs, least significant first.
fn limbs(bytes: [u8; 32]) -> [u64; 4] {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(rows: &[String]) -> TableDigest {
        let mut digest = TableDigest::default();
        for row in rows {
            digest.add(row.as_bytes());
        }
        digest
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_everything_else_does(
            rows in proptest::collection::vec(".{0,9}", 1..9),
            index: prop::sample::Index,
            other in ".{0,9}",
        ) {
            let whole = digest(&rows);
            let mut changed = rows.clone();
            changed.reverse();
            prop_assert_eq!(digest(&changed), whole);
            let index = index.index(rows.len());
            let removed = changed.remove(index);
            prop_assert_ne!(digest(&changed), whole);
            prop_assert_eq!(removed == other, {
                changed.push(other);
                digest(&changed) == whole
            });
            changed.push(removed);
            prop_assert_ne!(digest(&changed), whole);
        }

        #[test]
        fn manifest_gives_it_back(rows in proptest::collection::vec(".{0,9}", 0..9)) {
            let whole = digest(&rows);
            let checksum = crate::backups::row::unhex(&whole.checksum()).expect("hexadecimal");
            prop_assert_eq!(TableDigest::of(whole.rows, whole.bytes, checksum), whole);
        }
    }

    #[test]
    fn doubled_row_does_not_vanish() {
        let [once, thrice] = [1, 3].map(|times| digest(&vec!["row".to_owned(); times]));
        assert_ne!(once.checksum(), thrice.checksum());
    }
}
