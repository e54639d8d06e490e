//! Unicode escapes of characters beyond the basic plane (GraphQL, section 2.9.4): `\u{1F600}` and
//! surrogate pairs. The parsers don't support them, so they are replaced before parsing.

use std::borrow::Cow;

/// Replaces such escapes in the strings of `text` by the characters themselves. Invalid escapes are
/// left for the parsers to refuse.
pub(super) fn write_out(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u{") && !text.contains("\\uD") && !text.contains("\\ud") {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            // Block strings have no escapes except that of their own delimiter.
            '"' if rest.starts_with("\"\"\"") => block_string(rest),
            '"' => {
                let length = string(rest);
                write_string(&rest[..length], &mut written);
                rest = &rest[length..];
                continue;
            }
            _ => next.len_utf8(),
        };
        written.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Cow::Owned(written)
}

/// Returns the length of the block string at the start of `text`.
fn block_string(text: &str) -> usize {
    let mut at = 3;
    while let Some(end) = text[at..].find("\"\"\"") {
        let is_escaped = text[at..at + end].ends_with('\\');
        at += end + 3;
        if !is_escaped {
            return at;
        }
    }
    text.len()
}

/// Returns the length of the string at the start of `text`.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !is_escaped => return at + 1,
            '\n' | '\r' => return at,
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    text.len()
}

fn write_string(mut rest: &str, written: &mut String) {
    while let Some(at) = rest.find('\\') {
        written.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((c, length)) = braced(rest).or_else(|| pair(rest)) {
            match c {
                '"' | '\\' | '\0'..='\x1F' => written.push_str(&format!("\\u{:04X}", u32::from(c))),
                _ => written.push(c),
            }
            rest = &rest[length..];
        } else {
            // The backslash and what it escapes.
            let length = rest.chars().take(2).map(char::len_utf8).sum();
            written.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    written.push_str(rest);
}

/// Reads an escape such as `\u{1F600}`. Returns the character and the length of the escape.
fn braced(text: &str) -> Option<(char, usize)> {
    let (digits, _) = text.strip_prefix("\\u{")?.split_once('}')?;
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let c =
        is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten().and_then(char::from_u32)?;
    Some((c, digits.len() + 4))
}

/// Reads a surrogate pair such as `\uD83D\uDE00`. Returns the character and the length of both
/// escapes.
fn pair(text: &str) -> Option<(char, usize)> {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let units = [unit(text)?, unit(text.get(6..)?)?];
    let is_pair = (0xD800..0xDC00).contains(&units[0]);
    let c = char::decode_utf16(units).next()?.ok()?;
    is_pair.then_some((c, 12))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_beyond_the_basic_plane_are_written_out_in_strings_only() {
        for (text, written) in [
            (r#"{ a(b: "\u{1F600}") }"#, "{ a(b: \"😀\") }"),
            (r#"{ a(b: "x\uD83D\uDE00\ud83d\ude00y") }"#, "{ a(b: \"x😀😀y\") }"),
            (r#"{ a(b: "\u{22}\u{5C}\u{A}\u{0041}") }"#, r#"{ a(b: "\u0022\u005C\u000AA") }"#),
            // No characters, no escapes, no strings.
            (r#"{ a(b: "\uD83D \uDE00 \u{D83D} \u{110000} \u{} \u{x}") }"#, ""),
            (r#"{ a(b: "\\u{1F600} \"\\\uD83D") }"#, ""),
            ("{ a } # \"\\u{1F600}\"", ""),
            (r#"{ a(b: """\u{1F600} \""" \uD83D\uDE00""") }"#, ""),
            (r#"{ a(b: "\u{1F600"#, ""),
        ] {
            assert_eq!(write_out(text), if written.is_empty() { text } else { written });
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\\\u\\{?|[dD]8[0-9]{2}|\"|\\\\|1F600|\\}|é|#|\n){0,30}") {
            write_out(&text);
        }
    }
}
