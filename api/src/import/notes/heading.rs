//! Finds the heading that serves as the title of a Markdown text.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Returns the first level-1 heading, or else the heading that the text begins with, as plain text.
/// Ignores headings within quotations and lists, and HTML.
pub(super) fn heading(body: &str) -> Option<String> {
    let (mut events, mut first, mut depth) =
        (Parser::new_ext(body, Options::empty()), None, 0_usize);
    let mut is_start = true;
    while let Some(event) = events.next() {
        match event {
            Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                let text = plain(&mut events);
                match level {
                    _ if text.is_empty() => {}
                    HeadingLevel::H1 => return Some(text),
                    _ if is_start => first = Some(text),
                    _ => {}
                }
                is_start = false;
            }
            Event::Start(Tag::HtmlBlock) => skip(&mut events),
            Event::Start(_) => {
                depth += 1;
                is_start = false;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => is_start = false,
        }
    }
    first
}

/// Text up to the end of the heading, without markup.
fn plain<'a>(events: &mut impl Iterator<Item = Event<'a>>) -> String {
    let mut text = String::new();
    for event in events {
        match event {
            Event::End(TagEnd::Heading(_)) => break,
            Event::Text(part) | Event::Code(part) => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Skips a block of HTML, such as a comment.
fn skip<'a>(events: &mut impl Iterator<Item = Event<'a>>) {
    for event in events {
        if matches!(event, Event::End(TagEnd::HtmlBlock)) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_found_as_plain_text() {
        for (body, title) in [
            ("# A", "A"),
            ("# A ##\r\n", "A"),
            ("#\tA #b ###   \n", "A #b"),
            ("\n\n   # A", "A"),
            ("A\n=", "A"),
            ("A *very*\nlong `one`\n=====\ntext", "A very long one"),
            ("A\n---\n", "A"),
            ("## A\n\ntext", "A"),
            ("## A\n\n# B", "B"),
            ("text\n\n# A", "A"),
            ("# [A](http://b) &amp; ![c](d) <b>e</b> \\# \\*", "A & c e # *"),
            ("<!-- # no -->\n# A", "A"),
            ("<!--\n\n# no\n\n-->\n\n# A", "A"),
            ("<!-- lint -->\n\n## A", "A"),
            ("```\n# no\n```\n# A", "A"),
            ("~~~~sh\n# no\n~~~\n# no\n~~~~\n\nA\n===", "A"),
            ("    # no\n\n# A", "A"),
            ("> # no\n\n- # no\n\n# A", "A"),
            ("#\n\n# A", "A"),
        ] {
            assert_eq!(heading(body).as_deref(), Some(title), "{body:?}");
        }
    }

    #[test]
    fn other_lines_are_no_headings() {
        for body in [
            "",
            "#A",
            "text\n\n## A",
            "#",
            "# <!-- a -->",
            "```\n# A\n```",
            "```\n# A",
            "<!-- # A",
            "> # A",
            "    A\n    =",
            "---\ntitle: a\n",
            "=====\n",
        ] {
            assert_eq!(heading(body), None, "{body:?}");
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_heading_is_one_line_with_text(body in "([#=`~<>! a\\-\\[\\]\\(\\)\u{e9}]|\n){0,80}") {
            if let Some(title) = heading(&body) {
                prop_assert!(!title.trim().is_empty() && !title.contains('\n'), "{:?}", title);
            }
        }
    }
}
