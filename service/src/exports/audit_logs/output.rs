//! Writes encoded records to the attempt's file, piece by piece.

use super::sink::Sink;
use crate::{
    exports::format::Encoder,
    jobs::{Attempt, AttemptError},
};

/// Size in bytes of a piece. While a piece is written, the next records are read.
const PIECE_BYTES: usize = 512 * 1024;

/// The attempt's file, with the number of bytes written to it.
pub(super) struct Output<'a> {
    attempt: &'a mut Attempt,
    /// An empty buffer for the next chunk.
    buffer: Vec<u8>,
    /// Encoded size in bytes of the records so far.
    pub(super) bytes: u64,
}

impl<'a> Output<'a> {
    pub(super) fn new(attempt: &'a mut Attempt) -> Self {
        Self { attempt, buffer: Vec::new(), bytes: 0 }
    }

    /// Writes the records that `sink` has gathered, if they make a piece.
    pub(super) async fn offer<E: Encoder>(
        &mut self,
        sink: &mut Sink<E>,
    ) -> Result<(), AttemptError> {
        if sink.encoder.gathered() >= PIECE_BYTES { self.drain(sink).await } else { Ok(()) }
    }

    /// Writes all records that `sink` has gathered, and reports the attempt's progress.
    pub(super) async fn drain<E: Encoder>(
        &mut self,
        sink: &mut Sink<E>,
    ) -> Result<(), AttemptError> {
        let (chunk, bytes) = sink.encoder.take(std::mem::take(&mut self.buffer));
        self.bytes += bytes as u64;
        // Some formats have nothing to write before a group is full.
        self.buffer = if chunk.is_empty() { chunk } else { self.attempt.write(chunk).await? };
        self.attempt.advanced(sink.records).await
    }
}
