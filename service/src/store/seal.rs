//! Seals at the end of compressed files: the SHA-256 of all bytes before the seal.
//!
//! Decompressors do not detect every change of a file: in unused bits of a header, in padding, a
//! second member or frame, or bytes after the last one. The seal reveals all of these, and also a
//! file that was truncated. Other programs skip the seal: to gzip it is a member without content
//! (RFC 1952, with the hash in an extra field), and to zstd a skippable frame (RFC 8878, section
//! 3.1.2).

use super::Compression;

/// Header of a gzip member with an extra field of 36 bytes, whose subfield `Db` has 32 bytes.
const GZIP_HEADER: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 36, 0, b'D', b'b', 32, 0];
/// A last block without content, and the CRC-32 and length of empty content.
const GZIP_END: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Header of a skippable zstd frame of 39 bytes, which begins with `daybook`.
const ZSTD_HEADER: [u8; 15] =
    [0x50, 0x2a, 0x4d, 0x18, 39, 0, 0, 0, b'd', b'a', b'y', b'b', b'o', b'o', b'k'];

/// Returns the seal of a file whose other bytes have this hash. Empty for an uncompressed file.
pub(crate) fn seal(compression: Compression, sha256: [u8; 32]) -> Vec<u8> {
    match compression {
        Compression::None => Vec::new(),
        Compression::Gzip => [&GZIP_HEADER[..], &sha256, &GZIP_END].concat(),
        Compression::Zstd => [&ZSTD_HEADER[..], &sha256].concat(),
    }
}

/// Returns the length of a seal in bytes; 0 for an uncompressed file.
pub(crate) fn length(compression: Compression) -> usize {
    match compression {
        Compression::None => 0,
        Compression::Gzip => GZIP_HEADER.len() + 32 + GZIP_END.len(),
        Compression::Zstd => ZSTD_HEADER.len() + 32,
    }
}

/// True if `end` has the form of a seal, whatever hash it has.
pub(crate) fn is_seal(compression: Compression, end: &[u8]) -> bool {
    let header: &[u8] = match compression {
        Compression::None => &[],
        Compression::Gzip => &GZIP_HEADER,
        Compression::Zstd => &ZSTD_HEADER,
    };
    end.len() == length(compression) && end.starts_with(header)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use flate2::{read::MultiGzDecoder, write::GzEncoder};

    use super::*;

    #[test]
    fn others_pass_over_seals() {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(b"content").expect("into memory");
        let mut gzip = gzip.finish().expect("into memory");
        let of = |compression| seal(compression, [7; 32]);
        gzip.extend(of(Compression::Gzip));
        let mut found = String::new();
        MultiGzDecoder::new(&gzip[..]).read_to_string(&mut found).expect("two members");
        assert_eq!(found, "content");
        let mut zstd = zstd::encode_all(&b"content"[..], 1).expect("into memory");
        zstd.extend(of(Compression::Zstd));
        assert_eq!(zstd::decode_all(&zstd[..]).expect("two frames"), b"content");
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            assert_eq!(of(compression).len(), length(compression));
            assert!(is_seal(compression, &of(compression)));
        }
    }
}
