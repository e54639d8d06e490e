//! A pool of reusable buffers.

use std::sync::{Arc, Mutex, PoisonError};

/// Most buffers that the pool keeps.
const MAX_BUFFERS: usize = 8;

/// Empty buffers that pass between the threads that fill them and the threads that empty them.
///
/// Memory that one thread allocates and another frees returns to the allocator slowly. Without the
/// pool, a long stream would hold many times the memory that it needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct BufferPool(Arc<Mutex<Vec<Vec<u8>>>>);

impl BufferPool {
    /// Returns an empty buffer: a returned one, or a new one with this capacity.
    pub(crate) fn take(&self, capacity: usize) -> Vec<u8> {
        let buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        buffer.unwrap_or_else(|| Vec::with_capacity(capacity))
    }

    /// Returns a buffer to the pool and clears it. A full pool drops the buffer.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() > 0 && buffers.len() < MAX_BUFFERS {
            buffers.push(buffer);
        }
    }
}
