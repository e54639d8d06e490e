//! Searching the log by words, by an index of each engine: FTS5 on SQLite, `tsvector` with GIN on
//! PostgreSQL.
//!
//! Both engines get words that are cut here, and compare them byte by byte: what is found is the
//! same on both. The index is derived from the entries and can be made anew from them; it is in no
//! hash. It grows in the transaction that appends.

mod index;
mod intervals;
mod lookup;
mod near_far;
mod query;
mod words;

pub(super) use index::add;
pub(crate) use index::{catch_up, forget};
pub(super) use intervals::SearchedIntervals;
pub(crate) use lookup::Lookup;
pub(super) use lookup::count_of;
pub(super) use words::words;

/// The table of the index, on both engines.
const INDEX: &str = "audit_log_search";

/// Numbers that SQLite's index has for an organization's entries, which stand together and in order:
/// the number of a row is the organization's in the upper bits and the sequence in the lower forty.
const SEQUENCES: i64 = (1 << 40) - 1;

/// The first number of an organization's entries in SQLite's index.
pub(super) const SPACE: &str =
    "(SELECT number << 40 FROM audit_log_search_spaces WHERE organization_id = ?)";
