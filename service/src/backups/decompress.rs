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
pub(super) struct Decompressor {
    /// The file's first bytes, until they are enough to tell how it is compressed.
    begun: Vec<u8>,
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
        Self { begun: Vec::new(), method: Method::Unknown }
    }

    /// What the next bytes hold. Whether the file is whole is for the reader of what it holds.
    pub(super) fn push<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8], Damage> {
        if !matches!(self.method, Method::Unknown) {
            return self.method.push(bytes);
        }
        self.begun.extend_from_slice(bytes);
        if self.begun.len() < ZSTD.len() {
            return Ok(&[]);
        }
        self.method = Method::of(&self.begun)?;
        self.method.push(&self.begun)
    }
}

impl Method {
    /// Of a file that begins so.
    fn of(begun: &[u8]) -> Result<Self, Damage> {
        Ok(if begun.starts_with(&ZSTD) {
            let decoder = ZstdDecoder::new(Vec::new());
            Self::Zstd(Box::new(decoder.map_err(|_| damaged())?))
        } else if begun.starts_with(&GZIP) {
            Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
        } else {
            Self::Plain
        })
    }

    fn push<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8], Damage> {
        match self {
            Self::Unknown | Self::Plain => Ok(bytes),
            Self::Gzip(decoder) => {
                decoder.get_mut().clear();
                let done = decoder.write_all(bytes).and_then(|()| decoder.flush());
                done.map_err(|_| damaged())?;
                Ok(decoder.get_ref())
            }
            Self::Zstd(decoder) => {
                decoder.get_mut().clear();
                let done = decoder.write_all(bytes).and_then(|()| decoder.flush());
                done.map_err(|_| damaged())?;
                Ok(decoder.get_ref())
            }
        }
    }
}

fn damaged() -> Damage {
    Damage::file("its compression is damaged")
}
