//! The filter of entries: what it may contain, and its one translation to SQL, which serves lists,
//! counts, histograms, exports and tails.

mod branches;
mod condition;
mod definition;
mod extra;
mod problems;

pub(super) use branches::{Branch, branches, has_index};
pub(super) use condition::{RelatedPage, Translation, after_prefix, condition, sides};
pub use definition::{ExtraCondition, Filter};
