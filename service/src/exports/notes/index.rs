//! Generated Markdown files in the ZIP: the index of notes and the report of broken links.

use std::io::{self, Write};

use super::{links::Broken, names, spool::Listed};

/// Writes the index, which lists all notes.
pub(super) fn write_index(
    out: &mut impl Write,
    workspace: &str,
    notes: &[Listed],
    files: &[Option<String>],
) -> io::Result<()> {
    writeln!(out, "# {}\n\n{}.\n", escape(workspace), count(notes.len() as u64, "note"))?;
    for (note, file) in notes.iter().zip(files) {
        let Listed { path, title } = note;
        let link = destination(file.as_deref().unwrap_or(&names::file(path)));
        write!(out, "- [{}]({link})", escape(title))?;
        // The path, if the file's name differs from it.
        match file {
            Some(_) => writeln!(out, " — {}", code(path))?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

/// Writes the beginning of the report: its title and the number of broken links.
pub(super) fn write_report_start(
    out: &mut impl Write,
    broken_links: u64,
    notes: u64,
) -> io::Result<()> {
    let links = count(broken_links, "link");
    match broken_links {
        0 => writeln!(out, "# Broken links\n\nEvery link between notes leads somewhere."),
        1 => writeln!(out, "# Broken links\n\n{links} leads nowhere."),
        _ => writeln!(out, "# Broken links\n\n{links} in {} lead nowhere.", count(notes, "note")),
    }
}

/// Writes the broken links of one note.
pub(super) fn write_broken(
    out: &mut impl Write,
    note: &Listed,
    file: &str,
    broken: &[Broken],
) -> io::Result<()> {
    writeln!(out, "\n## [{}]({})\n", escape(&note.title), destination(file))?;
    for Broken { line, destination } in broken {
        writeln!(out, "- line {line}: {}", code(destination))?;
    }
    Ok(())
}

fn count(count: u64, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// Escapes `text` so that it appears as it is, in one line of Markdown.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if "\\`*_[]<>&!|~#".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Returns a file's name as the destination of a link, percent-encoded except for the characters
/// that URLs and IRIs allow.
fn destination(file: &str) -> String {
    let mut link = String::with_capacity(file.len());
    for c in file.chars() {
        let is_plain =
            c.is_ascii_alphanumeric() || "-._~/".contains(c) || !c.is_ascii() && !c.is_whitespace();
        if is_plain {
            link.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                link.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    link
}

/// Returns `text` in a code span (CommonMark, section 6.1), with a fence longer than any in `text`.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    // Readers strip a space on either side of a text that is not blank. It keeps backticks apart.
    let is_blank = text.chars().all(|c| c == ' ');
    let is_tight = !is_blank && (text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']));
    let space = if is_tight { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    proptest! {
        #[test]
        fn titles_files_and_destinations_read_back(
            title in "[a-z\\[\\]()*_<>&!`|~#\\\\ :.\n-]{0,20}[a-z]",
            path in "[a-z \\[\\]()%#?é日~.-]{1,12}",
            target in "[a-z` \\[\\]()*<>&-]{1,12}",
        ) {
            let note = Listed { path, title };
            let mut text = Vec::new();
            let broken = [Broken { line: 1, destination: target.clone() }];
            let file = names::file(&note.path);
            write_broken(&mut text, &note, &file, &broken).unwrap();
            write_index(&mut text, "w", std::slice::from_ref(&note), &[None]).unwrap();
            let text = String::from_utf8(text).unwrap();
            let (mut links, mut texts, mut codes) = (Vec::new(), Vec::new(), Vec::new());
            let mut is_in_link = false;
            for event in Parser::new_ext(&text, Options::empty()) {
                match event {
                    Event::Start(Tag::Link { dest_url, .. }) => {
                        links.push(dest_url.to_string());
                        texts.push(String::new());
                        is_in_link = true;
                    }
                    Event::End(pulldown_cmark::TagEnd::Link) => is_in_link = false,
                    Event::Text(text) if is_in_link => texts.last_mut().unwrap().push_str(&text),
                    Event::Code(code) if !is_in_link => codes.push(code.to_string()),
                    _ => {}
                }
            }
            prop_assert_eq!(&links, &[destination(&file), destination(&file)], "{}", text);
            let title = note.title.replace('\n', " ");
            prop_assert_eq!(&texts, &[title.clone(), title], "{}", text);
            prop_assert_eq!(codes, [target], "{}", text);
        }
    }
}
