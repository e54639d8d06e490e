//! Limits of workspaces and notes. A value out of bounds causes the whole change to be refused;
//! nothing is truncated.

use unicode_normalization::UnicodeNormalization;

use super::path;
use crate::{Error, Problem, ProblemCode, Result, input};

/// Maximum size of a note's body, in bytes of UTF-8.
pub const BODY_BYTES: usize = 1024 * 1024;
/// Maximum number of characters in a note's title.
pub const TITLE_CHARS: usize = 500;
/// Maximum number of tags on a note.
pub const MAX_TAGS: usize = 32;
/// Maximum number of characters in a tag.
pub const TAG_CHARS: usize = 64;
/// Maximum number of characters in a workspace's name.
const MAX_WORKSPACE_NAME_CHARS: usize = 100;

/// Problems of an input, collected field by field.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Checks a path and returns its normal form, or an empty string if the path is invalid.
    pub(super) fn path(&mut self, path: &str) -> String {
        path::normalize(path).unwrap_or_else(|message| {
            self.add(ProblemCode::Invalid, &["path"], message);
            String::new()
        })
    }

    pub(super) fn title(&mut self, title: &str) {
        if let Some(message) = input::problem_of_content(title, TITLE_CHARS) {
            self.add(ProblemCode::Invalid, &["title"], message);
        }
    }

    pub(super) fn body(&mut self, body: &str) {
        if body.len() > BODY_BYTES {
            let message =
                format!("must have at most {BODY_BYTES} bytes in UTF-8, has {}", body.len());
            self.add(ProblemCode::TooLarge, &["body"], message);
        }
        if body.contains('\0') {
            self.add(ProblemCode::Invalid, &["body"], input::NUL);
        }
    }

    pub(super) fn tags(&mut self, tags: &[String]) {
        if tags.len() > MAX_TAGS {
            let message = format!("must have at most {MAX_TAGS} tags, has {}", tags.len());
            self.add(ProblemCode::TooLarge, &["tags"], message);
            return;
        }
        for (index, tag) in tags.iter().enumerate() {
            if let Some(message) = input::problem_of_content(tag, TAG_CHARS) {
                self.add(ProblemCode::Invalid, &["tags", &index.to_string()], message);
            }
        }
    }

    /// Returns an error with all problems, if there are any.
    pub(super) fn into_result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Refused(self.0)) }
    }

    fn add(&mut self, code: ProblemCode, field: &[&str], message: impl Into<String>) {
        let path = [&["input"], field].concat();
        self.0.push(Problem::new(code, &path, message));
    }
}

/// Checks a workspace's name and returns it in Unicode normalization form C.
pub(super) fn workspace_name(name: &str) -> Result<String> {
    let name: String = name.nfc().collect();
    input::check_name(&name, MAX_WORKSPACE_NAME_CHARS, &["input", "name"])?;
    Ok(name)
}
