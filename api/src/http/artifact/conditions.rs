//! What a request asks of a file, and on which conditions (RFC 9110, sections 13 and 14).

use std::ops::Range;

use headers::{ETag, HeaderMapExt, IfMatch, IfNoneMatch, IfRange};
use http::{HeaderMap, Method, header};

/// How a request for a file is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// All of the file.
    Whole,
    /// These bytes of it.
    Part(Range<u64>),
    /// The client has it already.
    NotModified,
    /// The client wants another one.
    PreconditionFailed,
    /// None of the bytes that the client wants are in it.
    Unsatisfiable,
}

/// Decides about a file of `size` bytes whose strong tag is `etag`, in the order of section 13.2.2. A
/// file never changes and has no date to compare with.
pub(super) fn decide(method: &Method, headers: &HeaderMap, etag: &ETag, size: u64) -> Decision {
    let is_wanted = match headers.typed_try_get::<IfMatch>() {
        Ok(wanted) => wanted.is_none_or(|wanted| wanted.precondition_passes(etag)),
        // A tag that can't be read is not this file's.
        Err(_) => false,
    };
    if !is_wanted {
        return Decision::PreconditionFailed;
    }
    let known = headers.typed_get::<IfNoneMatch>();
    if known.is_some_and(|known| !known.precondition_passes(etag)) {
        return Decision::NotModified;
    }
    // Ranges have a meaning for GET alone (section 14.2).
    if method != Method::GET {
        return Decision::Whole;
    }
    range(headers, etag, size)
}

/// Several ranges are answered by the whole file, and so are malformed ones: a server may do both.
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

/// A single range (section 14.1.2), cut to `size`; an empty one if none of it is there. Not by
/// `headers::Range`, which holds a suffix longer than the file for unsatisfiable.
fn parse(wanted: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = wanted.trim().split_once('-')?;
    if first.is_empty() {
        return Some(size.saturating_sub(last.parse().ok()?)..size);
    }
    let first: u64 = first.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    (first <= last).then(|| first..last.saturating_add(1).min(size))
}
