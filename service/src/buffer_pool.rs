//! Buffers that are used again.

use std::sync::{Arc, Mutex, PoisonError};

/// Most buffers that are kept.
const MOST: usize = 8;

/// Empty buffers that go round between those who fill them and those who empty them.
///
/// Those are different threads: what one allocates and another frees is long in coming back to the
/// allocator, and a stream of any length would hold many times what it needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct BufferPool(Arc<Mutex<Vec<Vec<u8>>>>);

impl BufferPool {
    /// An empty buffer: one that was given back, or a new one with this capacity.
    pub(crate) fn take(&self, capacity: usize) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(capacity))
    }

    /// Gives a buffer back, whatever it holds.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() > 0 && spares.len() < MOST {
            spares.push(buffer);
        }
    }
}
