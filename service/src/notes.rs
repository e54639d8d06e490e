//! Workspaces and the Markdown notes in them.
//!
//! A note has a path, unique in its workspace, and a version that each change increments. A change
//! names the version that it was made from: of two changes of the same version, the second is
//! refused. Each change is recorded in the audit log, with old and new values.

mod limits;
mod list;
mod path;
mod record;
mod workspaces;
mod write;

pub use limits::{BODY_BYTES, MAX_TAGS, TAG_CHARS, TITLE_CHARS};
pub use list::{Bodies, count, find_by_path, get, list, tags};
pub use path::{PATH, SEGMENT_BYTES, normalize};
pub use write::{NewNote, NoteChange, create, delete, update};

/// Workspaces, which contain notes.
pub mod workspace {
    pub use super::workspaces::{count, create, find_by_name, get, list};
}
