//! The files that `make web` built, in the encoding that a client accepts.

use std::borrow::Cow;

use http::{HeaderMap, header};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// A file in the encoding in which it is sent.
pub(super) struct File {
    pub(super) bytes: Cow<'static, [u8]>,
    /// Strong entity tag, including quotes; differs between encodings.
    pub(super) etag: String,
    pub(super) content_type: &'static str,
    /// None if the file is not encoded.
    pub(super) encoding: Option<&'static str>,
}

/// Encodings and the extensions of their files, the one with the smallest files first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Finds the file in the smallest available encoding that the client accepts.
pub(super) fn find(name: &str, headers: &HeaderMap) -> Option<File> {
    let content_type = content_type(name)?;
    let encoded = ENCODINGS.into_iter().filter(|(encoding, _)| accepts(headers, encoding));
    let mut found = encoded.filter_map(|(encoding, ending)| {
        Some((Files::get(&format!("{name}{ending}"))?, Some(encoding)))
    });
    let (file, encoding) = found.next().or_else(|| Files::get(name).map(|file| (file, None)))?;
    // Half of a SHA-256 is more than enough to distinguish versions of a file.
    let hash = file.metadata.sha256_hash();
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{hex}\"");
    Some(File { bytes: file.data, etag, content_type, encoding })
}

/// Returns true if `Accept-Encoding` names `encoding` with a weight above 0 (RFC 9110, section 12.5.3).
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let choices = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    choices.into_iter().any(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        is_named && weight.is_none_or(|weight| weight > 0.0)
    })
}

/// Media type of a file by its extension; none for extensions that are not served, such as encoded copies.
fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "ttf" => "font/ttf",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::accepts;

    #[test]
    fn encoding_is_taken_where_it_is_named_and_not_refused() {
        for (value, is_taken) in [
            ("gzip, br", true),
            ("BR;q=0.5", true),
            ("br; q=0", false),
            ("br;q=0.0, gzip", false),
            ("brotli", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(accepts(&headers, "br"), is_taken, "{headers:?}");
        }
    }
}
