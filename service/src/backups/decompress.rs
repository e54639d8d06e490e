//! Reads a file that may be compressed, as its first bytes show.
//!
//! A compressed backup ends with a seal (see [`crate::store::seal`]). The last bytes are held back
//! and compared with the expected seal at the end of the file, so that any change to the file is
//! noticed, even one that the decompressor ignores.

use std::io::Write;

use flate2::write::MultiGzDecoder;
use sha2::{Digest, Sha256};
use zstd::stream::write::Decoder as ZstdDecoder;

use super::RestoreError;
use crate::store::{Compression, seal};

/// First bytes of a zstd frame (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// First bytes of a gzip member (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Decompressor that takes the bytes of a file and returns its content.
pub(super) struct Decompressor {
    /// Latest bytes: at first, those that are not yet enough to determine the compression; later,
    /// those that may be the seal.
    held: Vec<u8>,
    /// Hash of all bytes before those in `held`.
    hasher: Sha256,
    method: Method,
}

enum Method {
    Unknown,
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd(Box<ZstdDecoder<'static, Vec<u8>>>),
}

impl Decompressor {
    pub(super) fn new() -> Self {
        Self { held: Vec::new(), hasher: Sha256::new(), method: Method::Unknown }
    }

    /// Decompresses the next bytes. Only [`Self::finish`] checks that the file is complete.
    pub(super) fn push<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8], RestoreError> {
        if matches!(self.method, Method::Plain) {
            return Ok(bytes);
        }
        self.held.extend_from_slice(bytes);
        if matches!(self.method, Method::Unknown) {
            if self.held.len() < ZSTD.len() {
                return Ok(&[]);
            }
            self.method = Method::of(&self.held)?;
        }
        if matches!(self.method, Method::Plain) {
            return Ok(&self.held);
        }
        let ready = self.held.len().saturating_sub(seal::length(self.method.compression()));
        self.hasher.update(&self.held[..ready]);
        self.method.decode(&self.held[..ready])?;
        self.held.drain(..ready);
        Ok(self.method.decoded())
    }

    /// Checks the end of the file, after all its bytes have been pushed.
    pub(super) fn finish(self) -> Result<(), RestoreError> {
        let Self { held, hasher, method } = self;
        let compression = match method {
            Method::Unknown if !held.is_empty() => {
                return Err(RestoreError::file("it is no backup of Daybook's"));
            }
            Method::Unknown | Method::Plain => return Ok(()),
            Method::Gzip(_) | Method::Zstd(_) => method.compression(),
        };
        if !seal::is_seal(compression, &held) {
            return Err(RestoreError::file(
                "it is truncated, altered at its end, or was compressed by another program than \
                 Daybook: in that case decompress it (gunzip, zstd -d) and restore the .sql file",
            ));
        }
        if held != seal::seal(compression, hasher.finalize().into()) {
            return Err(damaged());
        }
        Ok(())
    }
}

impl Method {
    /// Determines the compression of a file from its first bytes.
    fn of(begun: &[u8]) -> Result<Self, RestoreError> {
        Ok(if begun.starts_with(&ZSTD) {
            let decoder = ZstdDecoder::new(Vec::new());
            Self::Zstd(Box::new(decoder.map_err(|_| damaged())?))
        } else if begun.starts_with(&GZIP) {
            Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
        } else {
            Self::Plain
        })
    }

    fn compression(&self) -> Compression {
        match self {
            Self::Unknown | Self::Plain => Compression::None,
            Self::Gzip(_) => Compression::Gzip,
            Self::Zstd(_) => Compression::Zstd,
        }
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let done = match self {
            Self::Unknown | Self::Plain => Ok(()),
            Self::Gzip(decoder) => {
                decoder.get_mut().clear();
                decoder.write_all(bytes).and_then(|()| decoder.flush())
            }
            Self::Zstd(decoder) => {
                decoder.get_mut().clear();
                decoder.write_all(bytes).and_then(|()| decoder.flush())
            }
        };
        done.map_err(|_| damaged())
    }

    /// Returns the content decoded from the latest bytes.
    fn decoded(&self) -> &[u8] {
        match self {
            Self::Unknown | Self::Plain => &[],
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
        }
    }
}

fn damaged() -> RestoreError {
    RestoreError::file("its compression is damaged")
}
