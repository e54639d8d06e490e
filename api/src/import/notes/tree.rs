//! Lists the Markdown files of a folder, and what else is in it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use daybook_service::notes::normalize;

/// Content of a folder and its subfolders; each list is ordered by path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Markdown files.
    pub(super) files: Vec<File>,
    /// Files and folders that can't be imported, with the reason.
    pub(super) refused: Vec<(PathBuf, String)>,
    /// Symbolic links to folders and to Markdown files, which are not followed.
    pub(super) links: Vec<PathBuf>,
    /// Number of files that are not Markdown, by extension.
    pub(super) others: BTreeMap<String, usize>,
    /// Number of files and folders whose names begin with a dot.
    pub(super) hidden: usize,
}

/// A Markdown file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) file: PathBuf,
    /// Path of the note.
    pub(super) path: String,
}

impl Tree {
    /// Lists everything under `folder`.
    ///
    /// # Errors
    /// Fails if `folder` can't be read. Subfolders that can't be read are listed in `refused`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let items = sorted(folder).with_context(|| format!("can't read {}", folder.display()))?;
        // The last item is read next.
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
            self.refused.push((item.to_owned(), "is not a regular file".to_owned()));
        }
        Ok(())
    }
}

/// Path of a file's note: the file's path relative to `root`, without extension.
fn path(root: &Path, file: &Path) -> Result<String, String> {
    let path = file.strip_prefix(root).unwrap_or(file).with_extension("");
    let path = path.to_str().ok_or("has a name that is not valid UTF-8")?;
    normalize(path).map_err(|reason| format!("path: {reason}"))
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let items = fs::read_dir(folder)?.map(|item| Ok(item?.path()));
    let mut items = items.collect::<io::Result<Vec<_>>>()?;
    items.sort();
    Ok(items)
}

/// Replaces control characters, so that a terminal shows the text as it is.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
