//! Workspaces and the Markdown notes in them.
//!
//! A note has a path, unique in its workspace, and a version that each change raises: whoever
//! changes a note names the version that the change was made from, and of two changes of one
//! version one is refused. Each change is an audit entry with what was there before and after.

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

/// Places for notes.
pub mod workspace {
    pub use super::workspaces::{count, create, find_by_name, get, list};
}
