//! Where encoded records go: piece by piece into the attempt's file.

use super::sink::Sink;
use crate::jobs::{Attempt, End};

/// Bytes of records that make a piece. While one is written, the next ones are read.
const PIECE: usize = 512 * 1024;

/// The attempt's file, and how much went there.
pub(super) struct Output<'a> {
    attempt: &'a mut Attempt,
    /// An empty chunk to go on with.
    spare: Vec<u8>,
    /// Of records so far, as they were encoded.
    pub(super) bytes: u64,
}

impl<'a> Output<'a> {
    pub(super) fn new(attempt: &'a mut Attempt) -> Self {
        Self { attempt, spare: Vec::new(), bytes: 0 }
    }

    /// Writes what `sink` has gathered, if that makes a piece.
    pub(super) async fn offer(&mut self, sink: &mut Sink) -> Result<(), End> {
        if sink.encoder.gathered() >= PIECE { self.drain(sink).await } else { Ok(()) }
    }

    /// Writes whatever `sink` has gathered, and says how far the attempt is.
    pub(super) async fn drain(&mut self, sink: &mut Sink) -> Result<(), End> {
        let (chunk, bytes) = sink.encoder.take(std::mem::take(&mut self.spare));
        self.bytes += bytes as u64;
        // Some formats have nothing to write until they have gathered more.
        self.spare = if chunk.is_empty() { chunk } else { self.attempt.write(chunk).await? };
        self.attempt.advanced(sink.records).await
    }
}
