//! Conditions and ranges of a download request (RFC 9110, sections 13 and 14).

use std::ops::Range;

use headers::{ETag, HeaderMapExt, IfMatch, IfNoneMatch, IfRange};
use http::{HeaderMap, Method, header};

/// Kind of response to a request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The whole file.
    Whole,
    /// A range of its bytes.
    Part(Range<u64>),
    /// The client already has the file.
    NotModified,
    /// The client requires another version of the file.
    PreconditionFailed,
    /// The file has none of the requested bytes.
    Unsatisfiable,
}

/// Decides on a file of `size` bytes with the strong tag `etag`, in the order of section 13.2.2. A
/// file never changes, so there is no date to compare with.
pub(super) fn decide(method: &Method, headers: &HeaderMap, etag: &ETag, size: u64) -> Decision {
    let is_wanted = match headers.typed_try_get::<IfMatch>() {
        Ok(wanted) => wanted.is_none_or(|wanted| wanted.precondition_passes(etag)),
        // A malformed tag does not match this file.
        Err(_) => false,
    };
    if !is_wanted {
        return Decision::PreconditionFailed;
    }
    let known = headers.typed_get::<IfNoneMatch>();
    if known.is_some_and(|known| !known.precondition_passes(etag)) {
        return Decision::NotModified;
    }
    // Ranges are defined for GET only (section 14.2).
    if method != Method::GET {
        return Decision::Whole;
    }
    range(headers, etag, size)
}

/// Evaluates the range. Multiple or malformed ranges get the whole file, as the RFC permits.
fn range(headers: &HeaderMap, etag: &ETag, size: u64) -> Decision {
    let wanted = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let wanted = wanted.and_then(|value| value.strip_prefix("bytes="));
    let Some(range) = wanted.and_then(|wanted| parse(wanted, size)) else {
        return Decision::Whole;
    };
    let is_changed = match headers.typed_try_get::<IfRange>() {
        Ok(known) => known.is_some_and(|known| known.is_modified(Some(etag), None)),
        Err(_) => true,
    };
    match range.is_empty() {
        _ if is_changed => Decision::Whole,
        true => Decision::Unsatisfiable,
        false => Decision::Part(range),
    }
}

/// Parses a single range (section 14.1.2) and cuts it to `size`; it is empty if it lies beyond the file.
/// Own code, because `headers::Range` takes a suffix longer than the file as unsatisfiable.
fn parse(wanted: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = wanted.trim().split_once('-')?;
    if first.is_empty() {
        return Some(size.saturating_sub(last.parse().ok()?)..size);
    }
    let first: u64 = first.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    (first <= last).then(|| first..last.saturating_add(1).min(size))
}
