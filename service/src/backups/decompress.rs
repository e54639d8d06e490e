//! Reading a file that may be compressed: its first bytes say so.

use std::io::Write;

use flate2::write::MultiGzDecoder;
use zstd::stream::write::Decoder as ZstdDecoder;

use super::Damage;

/// First bytes of a zstd frame (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// First bytes of a gzip member (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes of a file in, bytes of what it holds out.
pub(super) enum Decompressor {
    /// Too few bytes to tell.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd(Box<ZstdDecoder<'static, Vec<u8>>>),
}

impl Decompressor {
    pub(super) fn new() -> Self {
        Self::Unknown(Vec::new())
    }

    /// What the next bytes hold. Whether the file is whole is for the reader of what it holds.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Damage> {
        let damaged = |_| Damage::file("its compression is damaged");
        match self {
            Self::Plain => Ok(bytes.to_vec()),
            Self::Gzip(decoder) => {
                decoder.write_all(bytes).and_then(|()| decoder.flush()).map_err(damaged)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Zstd(decoder) => {
                decoder.write_all(bytes).and_then(|()| decoder.flush()).map_err(damaged)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Unknown(begun) => {
                begun.extend_from_slice(bytes);
                if begun.len() < ZSTD.len() {
                    return Ok(Vec::new());
                }
                let begun = std::mem::take(begun);
                *self = if begun.starts_with(&ZSTD) {
                    Self::Zstd(Box::new(ZstdDecoder::new(Vec::new()).map_err(damaged)?))
                } else if begun.starts_with(&GZIP) {
                    Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
                } else {
                    Self::Plain
                };
                self.push(&begun)
            }
        }
    }
}
