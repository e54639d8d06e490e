//! What workspaces and notes may hold. A value out of bounds refuses the whole change; nothing is
//! cut to fit.

use unicode_normalization::UnicodeNormalization;

use super::path;
use crate::{Error, Problem, ProblemCode, Result, input};

/// Most bytes of a body in UTF-8.
pub const BODY_BYTES: usize = 1024 * 1024;
/// Most characters of a title.
pub const TITLE_CHARS: usize = 500;
/// Most tags of a note.
pub const MAX_TAGS: usize = 32;
/// Most characters of a tag.
pub const TAG_CHARS: usize = 64;
/// Most characters of a workspace's name.
const NAME: usize = 100;

/// What is wrong with an input, gathered field by field.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// The path in its normal form; an empty one where it has none.
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

    /// Nothing, or all that is wrong.
    pub(super) fn into_result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Refused(self.0)) }
    }

    fn add(&mut self, code: ProblemCode, field: &[&str], message: impl Into<String>) {
        let path = [&["input"], field].concat();
        self.0.push(Problem::new(code, &path, message));
    }
}

/// A workspace's name in Unicode's normalization form C.
pub(super) fn workspace_name(name: &str) -> Result<String> {
    let name: String = name.nfc().collect();
    input::check_name(&name, NAME, &["input", "name"])?;
    Ok(name)
}
