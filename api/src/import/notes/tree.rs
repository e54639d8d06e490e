//! The Markdown files of a folder, and what else is in it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use daybook_service::notes::normalize;

/// What a folder and those below it hold, each list in the order of its paths.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Markdown files.
    pub(super) files: Vec<File>,
    /// What should have been taken and can't, and why.
    pub(super) refused: Vec<(PathBuf, String)>,
    /// Symbolic links to folders and to Markdown files, which are not followed.
    pub(super) links: Vec<PathBuf>,
    /// How many files there are that are no Markdown, by the ends of their names.
    pub(super) others: BTreeMap<String, usize>,
    /// How many files and folders there are whose names begin with a dot.
    pub(super) hidden: usize,
}

/// A Markdown file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) file: PathBuf,
    /// The path of its note.
    pub(super) path: String,
}

impl Tree {
    /// Reads the names under `folder`.
    ///
    /// # Errors
    /// A `folder` that can't be read; of those below it, that is said in `refused`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let items = sorted(folder).with_context(|| format!("can't read {}", folder.display()))?;
        // What is last here is read next.
        let mut left: Vec<PathBuf> = items.into_iter().rev().collect();
        while let Some(item) = left.pop() {
            if let Err(error) = tree.add(folder, &item, &mut left) {
                tree.refused.push((item, format!("can't be read: {error}")));
            }
        }
        Ok(tree)
    }

    fn add(&mut self, root: &Path, item: &Path, left: &mut Vec<PathBuf>) -> io::Result<()> {
        let kind = fs::symlink_metadata(item)?.file_type();
        let is_hidden =
            item.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let end = item.extension().map(|end| end.to_string_lossy().to_lowercase());
        let is_markdown = matches!(end.as_deref(), Some("md" | "markdown"));
        if is_hidden {
            self.hidden += 1;
        } else if kind.is_dir() {
            left.extend(sorted(item)?.into_iter().rev());
        } else if kind.is_symlink() && (is_markdown || item.is_dir()) {
            self.links.push(item.to_owned());
        } else if !is_markdown {
            let end =
                end.map_or_else(|| "without an extension".to_owned(), |end| format!(".{end}"));
            *self.others.entry(end).or_default() += 1;
        } else if kind.is_file() {
            match path(root, item) {
                Ok(path) => self.files.push(File { file: item.to_owned(), path }),
                Err(reason) => self.refused.push((item.to_owned(), reason)),
            }
        } else {
            self.refused.push((item.to_owned(), "is no regular file".to_owned()));
        }
        Ok(())
    }
}

/// The path of the note that a file becomes: where it is under `root`, without `.md`.
fn path(root: &Path, file: &Path) -> Result<String, String> {
    let path = file.strip_prefix(root).unwrap_or(file).with_extension("");
    let path = path.to_str().ok_or("has a name that is not UTF-8")?;
    normalize(path).map_err(|reason| format!("path: {reason}"))
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let items = fs::read_dir(folder)?.map(|item| Ok(item?.path()));
    let mut items = items.collect::<io::Result<Vec<_>>>()?;
    items.sort();
    Ok(items)
}

/// A text that a terminal shows as it is.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
