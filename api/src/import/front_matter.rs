//! Front matter: YAML between two lines of three hyphens at the start of a Markdown file.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Parts of a Markdown file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// Value of `title`, if there is one.
    pub(super) title: Option<String>,
    /// Values of `tags`, which is a sequence or a text separated by commas.
    pub(super) tags: Vec<String>,
    /// Names of other keys, which a note can't store.
    pub(super) others: Vec<String>,
    /// True if the file begins like front matter that does not end, and is therefore all body.
    pub(super) unended: bool,
    /// Text after the front matter, byte for byte.
    pub(super) body: &'a str,
}

/// Splits a file into its parts. Front matter that does not end, or is not a mapping, belongs to the
/// body: three hyphens are also a rule in Markdown.
///
/// # Errors
/// Returns the reason why the front matter can't be read.
pub(super) fn split(text: &str) -> Result<Parts<'_>, String> {
    // A byte order mark is not part of the content.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let whole = Parts { body: text, ..Parts::default() };
    let Some((yaml, body)) = cut(text) else {
        return Ok(Parts { unended: begins_with_a_key(text), ..whole });
    };
    let parts = read(yaml).map_err(|reason| format!("front matter: {reason}"))?;
    Ok(parts.map_or(whole, |parts| Parts { body, ..parts }))
}

/// Returns the text between the lines of hyphens, and the text after them.
fn cut(text: &str) -> Option<(&str, &str)> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|line| is_boundary(line))?;
    let mut end = first.len();
    for line in lines {
        if is_boundary(line) {
            return Some((text.get(first.len()..end)?, text.get(end + line.len()..)?));
        }
        end += line.len();
    }
    None
}

/// Returns true if the first line is hyphens and the second one a key with its value.
fn begins_with_a_key(text: &str) -> bool {
    let mut lines = text.lines();
    let is_key = |line: &str| {
        line.split_once(':').is_some_and(|(key, value)| {
            !key.is_empty()
                && key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c))
                && (value.is_empty() || value.starts_with(' '))
        })
    };
    lines.next().is_some_and(is_boundary) && lines.next().is_some_and(is_key)
}

fn is_boundary(line: &str) -> bool {
    line.trim_end() == "---"
}

/// Reads the parts from a mapping; none if the YAML is not a mapping.
fn read(yaml: &str) -> Result<Option<Parts<'static>>, String> {
    let mut events = Parser::new_from_str(yaml);
    let mut next = || match events.next() {
        Some(Ok((event, _))) => Ok(event),
        // Line number in the file, whose first line is hyphens.
        Some(Err(error)) => Err(format!("{} (line {})", error.info(), error.marker().line() + 1)),
        None => Ok(Event::StreamEnd),
    };
    loop {
        match next()? {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::MappingStart(..) => break,
            _ => return Ok(None),
        }
    }
    let mut parts = Parts::default();
    let mut has_tags = false;
    loop {
        let key = match next()? {
            Event::MappingEnd => return Ok(Some(parts)),
            Event::Scalar(key, ..) => key.into_owned(),
            _ => return Err("a key must be text".to_owned()),
        };
        let value = value(&mut next)?;
        match (key.as_str(), value) {
            ("title", _) if parts.title.is_some() => {
                return Err("title is given twice; keep one".to_owned());
            }
            ("title", Value::Text(text)) => parts.title = Some(text),
            ("tags", _) if has_tags => return Err("tags are given twice; keep one".to_owned()),
            ("tags", Value::Text(text)) => {
                let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
                parts.tags = tags.map(str::to_owned).collect();
                has_tags = true;
            }
            ("tags", Value::Texts(tags)) => {
                parts.tags = tags;
                has_tags = true;
            }
            ("title" | "tags", Value::Nothing) => {}
            ("title", Value::Texts(_) | Value::Other) => {
                return Err("title must be text".to_owned());
            }
            ("tags", Value::Other) => {
                return Err("tags must be a text or a list of texts".to_owned());
            }
            _ => parts.others.push(key),
        }
    }
}

enum Value {
    Nothing,
    Text(String),
    Texts(Vec<String>),
    Other,
}

fn value<'a>(next: &mut impl FnMut() -> Result<Event<'a>, String>) -> Result<Value, String> {
    match next()? {
        Event::Scalar(text, style, ..) if is_null(&text, style) => Ok(Value::Nothing),
        Event::Scalar(text, ..) => Ok(Value::Text(text.into_owned())),
        Event::SequenceStart(..) => sequence(next),
        Event::MappingStart(..) => {
            skip(next)?;
            Ok(Value::Other)
        }
        _ => Ok(Value::Other),
    }
}

/// Returns true if a scalar is YAML's null.
fn is_null(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn sequence<'a>(next: &mut impl FnMut() -> Result<Event<'a>, String>) -> Result<Value, String> {
    let mut texts = Vec::new();
    loop {
        match next()? {
            Event::SequenceEnd => return Ok(Value::Texts(texts)),
            // A dash followed by nothing, or by null, is not a text.
            Event::Scalar(text, style, ..) if is_null(&text, style) => {}
            Event::Scalar(text, ..) => texts.push(text.into_owned()),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                skip(next)?;
                skip(next)?;
                return Ok(Value::Other);
            }
            Event::StreamEnd => return Err("a sequence does not end".to_owned()),
            _ => {
                skip(next)?;
                return Ok(Value::Other);
            }
        }
    }
}

/// Skips the rest of a collection.
fn skip<'a>(next: &mut impl FnMut() -> Result<Event<'a>, String>) -> Result<(), String> {
    let mut depth = 1_usize;
    while depth > 0 {
        match next()? {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth -= 1,
            Event::StreamEnd => return Err("a collection does not end".to_owned()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_tags_are_taken_and_the_body_is_what_follows() {
        let text = "\u{feff}---\ntitle: \"A: \\\"b\\\"\\n\\u263a\"\ntags: [x, 'y, z', 1]\n\
                    author: {name: Ada, of: [a, [b]]}\n---\n\n# Body\r\n";
        let parts = split(text).expect("front matter");
        assert_eq!(parts.title.as_deref(), Some("A: \"b\"\n\u{263a}"));
        assert_eq!(parts.tags, ["x", "y, z", "1"]);
        assert_eq!((parts.others, parts.body), (vec!["author".to_owned()], "\n# Body\r\n"));
        let parts = split("---\r\ntags: a, b ,,c\r\ntitle: ~\r\n---\r\nx").expect("front matter");
        assert_eq!((parts.title, parts.body), (None, "x"));
        assert_eq!(parts.tags, ["a", "b", "c"]);
    }

    #[test]
    fn what_is_no_front_matter_stays_in_the_body() {
        for text in ["", "# A", "---\n\nA text.\n\n---\n", "---\n- a\n---\n", "--- \n---\n"] {
            assert_eq!(split(text), Ok(Parts { body: text, ..Parts::default() }), "{text:?}");
        }
    }

    #[test]
    fn front_matter_that_does_not_end_is_known() {
        for text in ["---\ntitle: a\n", "---\r\ntags:\r\n- a", "\u{feff}---\nx-y: 1"] {
            assert!(split(text).is_ok_and(|parts| parts.unended), "{text:?}");
        }
        for text in ["---\nA text: it goes on\n", "---\nhttp://acme.test\n", "a\n---\nb: c"] {
            assert!(split(text).is_ok_and(|parts| !parts.unended), "{text:?}");
        }
    }

    #[test]
    fn a_tag_that_is_null_is_none() {
        let parts = split("---\ntags: [a, null, ~, 'null']\n---\n").expect("front matter");
        assert_eq!(parts.tags, ["a", "null"]);
        let parts = split("---\r\ntags:\r\n  - a\r\n  -\r\n---\r\nx").expect("front matter");
        assert_eq!((parts.tags, parts.body), (vec!["a".to_owned()], "x"));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (yaml, word) in [
            ("title: a: b", "mapping values"),
            ("title: [a]", "title must be text"),
            ("title: a\ntitle: b", "twice"),
            ("tags: [a, {b: c}]", "must be a text or a list"),
            ("tags: [a, [b], c]", "must be a text or a list"),
            ("tags: {a: b}", "must be a text or a list"),
            ("title: \"a", ""),
        ] {
            let said = split(&format!("---\n{yaml}\n---\nx")).map(drop);
            let said = said.expect_err(yaml);
            assert!(said.starts_with("front matter: ") && said.contains(word), "{yaml}: {said}");
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    /// What YAML makes something of, and anything.
    fn text() -> impl Strategy<Value = String> {
        let special = "-a:[]{}&*!|>'\"#%@`,?~ \n\t\r\\\u{feff}\u{85}é".chars().collect::<Vec<_>>();
        let c = prop_oneof![4 => prop::sample::select(special), 1 => any::<char>()];
        vec(c, 0..60).prop_map(|chars| chars.into_iter().collect())
    }

    /// A double-quoted scalar (YAML 1.2.2, section 7.3.1).
    fn quoted(text: &str) -> String {
        let escape = |c: char| {
            if c == ' ' || c.is_ascii_alphanumeric() {
                c.to_string()
            } else {
                format!("\\U{:08x}", u32::from(c))
            }
        };
        format!("\"{}\"", text.chars().map(escape).collect::<String>())
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(title in text(), tags in vec(text(), 0..4), body in text()) {
            let yaml: Vec<_> = tags.iter().map(|tag| quoted(tag)).collect();
            let file = format!("---\ntitle: {}\ntags: [{}]\n---\n{body}", quoted(&title), yaml.join(", "));
            let parts = split(&file).expect("front matter");
            prop_assert_eq!(parts, Parts { title: Some(title), tags, others: Vec::new(), unended: false, body: &body });
        }

        #[test]
        fn a_body_is_the_end_of_the_file(yaml in text(), body in text(), any in text()) {
            for file in [format!("---\n{yaml}\n---\n{body}"), format!("---\ntitle: {yaml}\n---\n"), any] {
                match split(&file) {
                    Ok(parts) => prop_assert!(file.ends_with(parts.body)),
                    Err(reason) => prop_assert!(reason.starts_with("front matter: ")),
                }
            }
        }
    }
}
