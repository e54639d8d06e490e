//! YAML front matter, with which a note's file begins.
//!
//! Texts are double-quoted scalars (YAML 1.2.2, section 7.3.1), which can express any character of
//! a title and keep each text on one line, so that none can produce a line of three hyphens.

use chrono::{DateTime, SecondsFormat, Utc};

use super::spool::{Head, Listed};
use crate::GlobalId;
use daybook_entity::workspace;

/// Returns the front matter of a note, including the final line break, so that the body can follow.
pub(super) fn front_matter(workspace: &workspace::Model, listed: &Listed, head: &Head) -> String {
    let workspace::Model { organization_id, id: workspace_id, ref name, created_at: _ } =
        *workspace;
    let Head { id, ref tags, version, created_at, updated_at } = *head;
    let mut text = "---\n".to_owned();
    push(&mut text, "title", &listed.title);
    text.push_str("tags: [");
    for (index, tag) in tags.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { ", " });
        push_quoted(&mut text, tag);
    }
    text.push_str("]\n");
    push(&mut text, "id", &GlobalId::Note { organization_id, id }.to_string());
    push(&mut text, "path", &listed.path);
    push(&mut text, "workspace", name);
    let workspace_id = GlobalId::Workspace { organization_id, id: workspace_id };
    push(&mut text, "workspace_id", &workspace_id.to_string());
    text.push_str(&format!("version: {version}\n"));
    push_time(&mut text, "created", created_at);
    push_time(&mut text, "updated", updated_at);
    text.push_str("---\n");
    text
}

fn push(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(": ");
    push_quoted(text, value);
    text.push('\n');
}

fn push_time(text: &mut String, key: &str, time: DateTime<Utc>) {
    text.push_str(key);
    text.push_str(": ");
    text.push_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true));
    text.push('\n');
}

fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ if is_plain(c) => text.push(c),
            _ => text.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    text.push('"');
}

/// True if the character needs no escape: it is printable in YAML, and neither a line break nor the
/// byte order mark. All other characters have at most four hexadecimal digits.
fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line_whatever_they_hold() {
        let mut text = String::new();
        push_quoted(&mut text, "a: \"b\" \\ #\r\n---\t\u{1b}\u{85}\u{2028}\u{feff}🦀");
        assert_eq!(text, "\"a: \\\"b\\\" \\\\ #\\r\\n---\\t\\u001b\\u0085\\u2028\\ufeff🦀\"");
    }
}
