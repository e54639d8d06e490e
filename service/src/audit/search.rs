//! Searching the log by words, with each engine's own index: FTS5 on SQLite, `tsvector` with GIN on
//! PostgreSQL.
//!
//! Daybook cuts the words for both engines, which compare them byte by byte, so that both find the
//! same entries. The index is derived from the entries and can be rebuilt from them; it is part of
//! no hash. It grows in the transaction that appends.

mod index;
mod intervals;
mod lookup;
mod page_query;
mod query;
mod resources;
mod words;

pub(super) use index::add;
pub(crate) use index::{catch_up, forget};
pub(super) use intervals::SearchedIntervals;
pub(crate) use lookup::Lookup;
pub(super) use lookup::{count_of, union};
pub(super) use resources::RESOURCES_TABLE;
pub(super) use words::{Term, terms};

/// Name of the table of words, on both engines.
const SEARCH_TABLE: &str = "audit_log_search";

/// Largest sequence that SQLite's index has room for. An organization's entries stand together and
/// in order: a row's number has the organization's number in its upper bits and the sequence in its
/// lower forty.
const SEQUENCES: i64 = (1 << 40) - 1;

/// SQL for the first row number of an organization's entries in SQLite's index.
pub(super) const FIRST_ROW_NUMBER: &str =
    "(SELECT number << 40 FROM audit_log_search_spaces WHERE organization_id = ?)";
