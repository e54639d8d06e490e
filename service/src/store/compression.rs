//! Compresses a file while it is written.

use std::io::{self, Write};

use flate2::{Compression as Level, write::GzEncoder};
use serde::{Deserialize, Serialize};
use zstd::stream::write::Encoder as ZstdEncoder;

/// The fastest regular level of zstd: about 500 MB a second in about 1 MiB of memory, so that the
/// database limits the speed of writing. The default level, 3, takes 50 % longer and does not make
/// records smaller.
const ZSTD_LEVEL: i32 = 1;

/// Compression of a file.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// Gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// The end of a compressed file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The file ends with its content.
    Plain,
    /// The file ends with a seal, which reveals any change to the file.
    Sealed,
}

/// Compresses bytes. The output depends on the bytes alone, not on how they are split into pieces.
pub(super) enum Compressor {
    None,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Compressor {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Level::default())),
            Compression::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Compresses `bytes` and appends the output that is ready to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let ready = match self {
            Self::None => {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
            Self::Zstd(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
        };
        out.append(ready);
        Ok(())
    }

    /// Appends the rest of the output, which ends the file.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::None => {}
            Self::Gzip(encoder) => out.append(&mut encoder.finish()?),
            Self::Zstd(encoder) => out.append(&mut encoder.finish()?),
        }
        Ok(())
    }
}
