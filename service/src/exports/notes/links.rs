//! Finds broken links between notes.
//!
//! Only links of CommonMark (section 6.3) with a relative destination are checked: a destination
//! with a scheme or host leads elsewhere, and one that is only a fragment leads to the same note.
//! A link is valid if its destination is a note's path, with or without `.md` or `.markdown`, or a
//! folder that contains notes.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag};
use unicode_normalization::UnicodeNormalization;

use super::{
    names::{INDEX_NAME, REPORT},
    spool::Listed,
};

/// A link to a note or folder that does not exist.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Line of the body, counted from 1.
    pub(super) line: usize,
    /// Destination as in the body, with escapes resolved.
    pub(super) destination: String,
}

/// Returns the links in the note at `path` that lead to none of `notes`, which must be ordered by
/// path.
pub(super) fn broken(path: &str, body: &str, notes: &[Listed]) -> Vec<Broken> {
    let (mut broken, mut line, mut counted) = (Vec::new(), 1, 0);
    for (event, range) in Parser::new_ext(body, Options::empty()).into_offset_iter() {
        let Event::Start(Tag::Link { link_type, dest_url, .. }) = event else { continue };
        if matches!(link_type, LinkType::Autolink | LinkType::Email) {
            continue;
        }
        if leads_somewhere(path, &dest_url, notes) {
            continue;
        }
        // Links come in the order of their starts, since links can't be nested.
        let passed = body.get(counted..range.start).unwrap_or_default();
        line += passed.bytes().filter(|byte| *byte == b'\n').count();
        counted = counted.max(range.start);
        broken.push(Broken { line, destination: dest_url.into_string() });
    }
    broken
}

fn leads_somewhere(from: &str, destination: &str, notes: &[Listed]) -> bool {
    let place = destination.split(['#', '?']).next().unwrap_or_default();
    if place.is_empty() || place.starts_with("//") || has_scheme(place) {
        return true;
    }
    let Some(path) = resolve(from, &decode(place)) else { return false };
    // The top folder, and the generated files in it.
    if path.is_empty() || path == INDEX_NAME || path == REPORT {
        return true;
    }
    let is_folder_only = place.ends_with('/');
    let names = [path.as_str(), without(&path, ".md"), without(&path, ".markdown")];
    let is_note = !is_folder_only && names.iter().any(|name| has(notes, name));
    is_note || is_folder(notes, &path)
}

/// True if a destination begins with a scheme (RFC 3986, section 3.1).
fn has_scheme(destination: &str) -> bool {
    let Some((scheme, _)) = destination.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Resolves a relative destination to a path. Returns `None` if it leads out of the workspace.
fn resolve(from: &str, destination: &str) -> Option<String> {
    let folders = from.rsplit_once('/').map(|(folders, _)| folders);
    let is_absolute = destination.starts_with('/');
    let folders = folders.filter(|_| !is_absolute).into_iter();
    let mut segments: Vec<&str> = folders.flat_map(|folders| folders.split('/')).collect();
    for segment in destination.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()?),
            _ => segments.push(segment),
        }
    }
    Some(segments.join("/").nfc().collect())
}

/// Decodes percent-encoded bytes (RFC 3986, section 2.1). Returns `text` unchanged if the result is
/// not UTF-8.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| byte == b'%').and_then(|hex| {
            let hex = std::str::from_utf8(hex).ok().filter(|hex| !hex.starts_with('+'))?;
            u8::from_str_radix(hex, 16).ok()
        });
        bytes.push(hex.unwrap_or(byte));
        rest = if hex.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn without<'a>(path: &'a str, end: &str) -> &'a str {
    path.strip_suffix(end).unwrap_or(path)
}

fn has(notes: &[Listed], path: &str) -> bool {
    notes.binary_search_by(|note| note.path.as_str().cmp(path)).is_ok()
}

/// True if there are notes below `path`.
fn is_folder(notes: &[Listed], path: &str) -> bool {
    let folder = format!("{path}/");
    let next = notes.partition_point(|note| note.path.as_str() < folder.as_str());
    notes.get(next).is_some_and(|note| note.path.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn notes() -> Vec<Listed> {
        let paths = ["a b", "caf\u{e9}", "guides/setup", "guides/setup/more", "readme", "v1.2"];
        let listed = |path: &str| Listed { path: path.to_owned(), title: String::new() };
        paths.into_iter().map(listed).collect()
    }

    #[test]
    fn links_lead_to_notes_folders_and_elsewhere() {
        for link in [
            "readme",
            "readme.md",
            "./readme.md#top",
            "readme.markdown?x=1",
            "guides",
            "guides/",
            "guides/setup.md",
            "/guides/setup",
            "guides/../readme.md",
            "a%20b.md",
            "<a b.md>",
            "caf%C3%A9.md",
            "cafe\u{301}",
            "v1.2",
            "v1.2.md",
            "#here",
            "",
            "?x",
            "https://x.test/y",
            "mailto:a@b.test",
            "//x.test/y",
            "index.md",
            "/",
            ".",
            "_broken-links.md",
        ] {
            assert_eq!(broken("x", &format!("[t]({link})"), &notes()), [], "{link}");
        }
        assert_eq!(broken("guides/setup", "[t](setup/more.md) [t](../readme)", &notes()), []);
    }

    #[test]
    fn others_lead_nowhere_and_are_told_with_their_lines() {
        for link in [
            "missing",
            "Readme.md",
            "../readme",
            "guides/readme.md",
            "a+b.md",
            "readme/",
            "readme.md/",
            "setup.md",
            "v1.3",
            "%ff",
            "readme.txt",
            "./1:2",
            "guides%2Fsetu",
        ] {
            let found = broken("x", &format!("[t]({link})"), &notes());
            assert_eq!(found, [Broken { line: 1, destination: link.to_owned() }]);
        }
        let body = "# A\r\n\n[one](x1)\n`[code](x2)` ![image](x3.png) <https://a.test>\n\n    [block](x4)\n\n\
                    > - [two\n>   lines][ref] [none]\n\n[ref]: x5 (title)\n[unused]: x6\n<a href=\"x7\">html</a>\n";
        let found: Vec<_> =
            broken("a", body, &notes()).into_iter().map(|b| (b.line, b.destination)).collect();
        assert_eq!(found, [(3, "x1".to_owned()), (8, "x5".to_owned())]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(body in "[\\[\\]()<>#`\n !%./:a*_-]{0,80}", path in "[a/.]{1,5}") {
            let _ = broken(&path, &body, &notes());
        }

        #[test]
        fn no_destination_makes_it_panic(destination in ".{0,20}") {
            let _ = leads_somewhere("a/b", &destination, &notes());
        }
    }
}
