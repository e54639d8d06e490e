//! Cache of validated documents by hash, since an application sends the same few documents again
//! and again.

use std::{collections::HashMap, sync::Arc};

use super::checked::Document;

/// Maximum bytes of text in one generation. A validated document takes about forty times as much
/// memory as its text.
const MAX_GENERATION_BYTES: usize = 1024 * 1024;
/// Maximum number of documents in one generation.
const DOCUMENTS: usize = 1_000;

/// SHA-256 of a document's text. Collisions are infeasible, so a hit needs no comparison of texts.
pub(super) type Hash = [u8; 32];

/// Two generations of documents. When the younger one is full, it replaces the older one, so
/// documents that were not used meanwhile are dropped.
#[derive(Default)]
pub(super) struct Cache {
    young: HashMap<Hash, Arc<Document>>,
    old: HashMap<Hash, Arc<Document>>,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&mut self, hash: &Hash) -> Option<Arc<Document>> {
        if let Some(document) = self.young.get(hash) {
            return Some(Arc::clone(document));
        }
        let document = self.old.remove(hash)?;
        self.insert(*hash, Arc::clone(&document));
        Some(document)
    }

    pub(super) fn insert(&mut self, hash: Hash, document: Arc<Document>) {
        if self.bytes + document.bytes > MAX_GENERATION_BYTES || self.young.len() >= DOCUMENTS {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += document.bytes;
        self.young.insert(hash, document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::document::tests::document;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut cache = Cache::default();
        let hash = |n: usize| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&n.to_be_bytes());
            hash
        };
        let document = Arc::new(document("{ __typename }"));
        for n in 0..10 * DOCUMENTS {
            cache.insert(hash(n), Arc::clone(&document));
            assert!(cache.get(&hash(0)).is_some(), "{n}");
            assert!(cache.young.len() + cache.old.len() <= 2 * DOCUMENTS);
        }
        assert!(cache.get(&hash(1)).is_none());
        let mut large = Cache::default();
        let document = Arc::new(Document {
            bytes: MAX_GENERATION_BYTES / 2,
            ..super::super::tests::document("{ __typename }")
        });
        for n in 0..10 {
            large.insert(hash(n), Arc::clone(&document));
            assert!(large.young.len() + large.old.len() <= 4);
        }
    }
}
