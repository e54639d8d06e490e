//! Names of files in the ZIP, chosen so that every system unpacks each note into a separate file.
//!
//! A note at `guides/setup` is in `guides/setup.md`. A note's file has another name if
//! - its path has characters or names that Windows does not allow: `<>:"|?*`, and dots and spaces
//!   at the end of a folder's name, are replaced by underscores, and names of devices (`con`,
//!   `nul.txt`) get an underscore before their extension, if any;
//! - its path has a folder that ends like a file (`a.md/b` beside a note `a`): an underscore is
//!   appended to the folder's name;
//! - its file would have the same name as another note's, the index or the report, ignoring case
//!   and Unicode normalization: `~` and eight digits of the SHA-256 of its path are appended.
//!
//! If several notes would have the same name, those whose paths need no change take precedence,
//! and among them the one whose path comes first.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::spool::Listed;

/// Name of the index, which links to all notes.
pub(super) const INDEX_NAME: &str = "index.md";
/// Name of the report of broken links.
pub(super) const REPORT: &str = "_broken-links.md";

/// Names of devices on Windows, which are reserved with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
/// Names of devices on Windows that are followed by a digit.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// Returns the file name of each note, in order; `None` if it is the note's path and `.md`.
pub(super) fn assign(notes: &[Listed]) -> Vec<Option<String>> {
    // Keys are hashes of sixteen bytes, however long the paths are.
    let mut taken: HashSet<[u8; 16]> = [INDEX_NAME, REPORT].into_iter().map(key).collect();
    let mut names = Vec::with_capacity(notes.len());
    let mut others = Vec::new();
    for (index, Listed { path, .. }) in notes.iter().enumerate() {
        let name = portable(path);
        let is_own = name == *path && taken.insert(key(&file(&name)));
        names.push(None);
        if !is_own {
            others.push((index, name));
        }
    }
    for (index, name) in others {
        names[index] = notes.get(index).map(|note| free(&name, &note.path, &mut taken));
    }
    names
}

/// Returns the name of a path's file, if it needs no change.
pub(super) fn file(path: &str) -> String {
    format!("{path}.md")
}

/// Returns a file name that is not taken: `name`, or `name` with digits appended.
fn free(name: &str, path: &str, taken: &mut HashSet<[u8; 16]>) -> String {
    let mut found = file(name);
    let mut tries = 0_u64;
    while !taken.insert(key(&found)) {
        let digest = Sha256::new_with_prefix(path).chain_update(if tries == 0 {
            String::new()
        } else {
            format!("\0{tries}")
        });
        let digits: String = digest.finalize().iter().take(4).map(|b| format!("{b:02x}")).collect();
        found = file(&format!("{name}~{digits}"));
        tries += 1;
    }
    found
}

/// Returns a key that is equal for names that some file system treats as the same. It goes beyond
/// Unicode's canonical caseless match (definition D145), since file systems compare upper case.
fn key(name: &str) -> [u8; 16] {
    let text: String = name.nfd().collect();
    let text = text.to_lowercase().to_uppercase().to_lowercase();
    let text: String = text.nfd().collect();
    let digest = Sha256::digest(text);
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

/// Returns `path` with segments that every system allows.
fn portable(path: &str) -> String {
    let (folders, last) = path.rsplit_once('/').map_or((None, path), |(a, b)| (Some(a), b));
    let mut name = String::with_capacity(path.len() + 2);
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
        let mut folder = segment(folder);
        let end = folder.trim_end_matches(['.', ' ']).len();
        let count = folder.len() - end;
        folder.replace_range(end.., &"_".repeat(count));
        // All files end in .md, so no file has the same name as a folder.
        if key(folder.get(folder.len().saturating_sub(3)..).unwrap_or_default()) == key(".md") {
            folder.push('_');
        }
        name.push_str(&folder);
        name.push('/');
    }
    name.push_str(&segment(last));
    name
}

/// Returns a segment without the characters and device names that Windows does not allow.
fn segment(segment: &str) -> String {
    let is_reserved = |c: char| matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*');
    let mut name: String = segment.chars().map(|c| if is_reserved(c) { '_' } else { c }).collect();
    let stem = name.find('.').unwrap_or(name.len());
    if is_device(&name[..stem]) {
        name.insert(stem, '_');
    }
    name
}

fn is_device(stem: &str) -> bool {
    let stem = stem.trim_end_matches(' ').to_lowercase();
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³');
    DEVICES.contains(&stem.as_str())
        || NUMBERED_DEVICES.iter().any(|device| {
            let rest = stem.strip_prefix(device).map(|rest| rest.chars().collect::<Vec<_>>());
            matches!(rest.as_deref(), Some([digit]) if is_digit(*digit))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn files(paths: &[&str]) -> Vec<String> {
        let listed: Vec<_> = paths
            .iter()
            .map(|path| Listed { path: (*path).to_owned(), title: String::new() })
            .collect();
        let names = assign(&listed);
        names.into_iter().zip(paths).map(|(name, path)| name.unwrap_or(file(path))).collect()
    }

    #[test]
    fn usual_paths_keep_their_names() {
        let paths = [
            "Guides/Setup",
            "a",
            "a.b/c d",
            "a/b",
            "über/日本語",
            ".hidden/...x",
            "console",
            "com10",
        ];
        let expected: Vec<_> = paths.iter().map(|path| file(path)).collect();
        assert_eq!(files(&paths), expected);
    }

    #[test]
    fn names_that_windows_does_not_take_are_changed() {
        for (path, name) in [
            ("CON", "CON_.md"),
            ("nul.tar.gz/aux", "nul_.tar.gz/aux_.md"),
            ("com1/lpt\u{b9}/COM0", "com1_/lpt\u{b9}_/COM0_.md"),
            ("con .x", "con _.x.md"),
            ("a. . /b. ", "a____/b. .md"),
            ("a<b>c:d\"e|f?g*h", "a_b_c_d_e_f_g_h.md"),
            (".../x", "___/x.md"),
            ("a.md/b", "a.md_/b.md"),
            ("a.MD/b", "a.MD_/b.md"),
            ("conin$", "conin$_.md"),
        ] {
            assert_eq!(files(&[path]), [name], "{path}");
        }
    }

    #[test]
    fn files_that_some_system_takes_for_one_stay_apart() {
        for paths in [
            &["README", "readme", "ReadMe"][..],
            &["STRASSE", "stra\u{df}e", "stra\u{1e9e}e"],
            &["\u{212a}", "k", "K"],
            &["a:b", "a?b", "a_b"],
            &["CON", "CON_"],
            &["index", "INDEX", "_broken-links"],
            &["\u{130}", "i\u{307}"],
            &["D/x", "d/x", "d/X"],
            &["a", "a.md/b", "a.md_/b"],
        ] {
            let files = files(paths);
            let keys: HashSet<_> =
                files.iter().map(String::as_str).chain([INDEX_NAME, REPORT]).map(key).collect();
            assert_eq!(keys.len(), paths.len() + 2, "{files:?}");
        }
        assert_eq!(files(&["README", "readme"]), ["README.md", "readme~711a6108.md"]);
        assert_eq!(files(&["a:b", "a_b"])[1], "a_b.md", "who has the name by right keeps it");
        let (clash, path) = (files(&["README", "readme"])[1].clone(), "readme~711a6108");
        let files = files(&["README", "readme", path]);
        assert_eq!(files[2], clash, "also where it looks like another one's");
        assert_ne!(files[1], clash);
    }

    proptest! {
        #[test]
        fn files_stay_apart_and_in_their_folder(
            paths in proptest::collection::btree_set("([aA:_.]{1,3}|con|é|E\u{301}|x.md)(/[aA. ]{1,2}|/x.md){0,2}", 1..12),
        ) {
            let paths: std::collections::BTreeSet<_> =
                paths.iter().filter_map(|path| crate::notes::normalize(path).ok()).collect();
            let paths: Vec<_> = paths.iter().map(String::as_str).collect();
            let files = files(&paths);
            let keys: HashSet<_> = files.iter().map(|file| key(file)).collect();
            prop_assert_eq!(keys.len(), files.len());
            for file in &files {
                prop_assert!(!file.starts_with('/') && !file.contains("//") && !file.contains(".."
                    .repeat(20).as_str()));
                let mut segments: Vec<_> = file.split('/').collect();
                prop_assert!(segments.pop().is_some_and(|last| last.ends_with(".md")));
                for folder in segments {
                    prop_assert!(!folder.ends_with(['.', ' ']) && !folder.to_lowercase().ends_with(".md"));
                }
            }
        }
    }
}
