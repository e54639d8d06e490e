//! Rules for texts from outside: one rule for names and one for all other texts, so that both
//! engines can store every text, and no name passes for another.

use unicode_normalization::UnicodeNormalization;

use crate::{Error, Result};

/// Fewest characters that count as the secret part of a credential.
const MIN_SECRET_CHARS: usize = 16;

/// Checks a name: one line by which people, filters and programs find something.
///
/// # Errors
/// Returns INVALID with the field at `path` and what is wrong with it.
pub(crate) fn check_name(name: &str, max_chars: usize, path: &[&str]) -> Result<()> {
    problem_of_name(name, max_chars).map_or(Ok(()), |message| Err(Error::invalid(path, message)))
}

/// Returns what is wrong with a name, or none if the name is valid.
pub(crate) fn problem_of_name(name: &str, max_chars: usize) -> Option<String> {
    let chars = name.chars().count();
    if chars == 0 || chars > max_chars {
        return Some(format!("must have 1 to {max_chars} characters, has {chars}"));
    }
    if name.chars().any(is_misleading) {
        let message = "must not contain control characters such as NUL and line breaks, or marks \
                       that change the direction of writing";
        return Some(message.to_owned());
    }
    if name.starts_with(is_blank) || name.ends_with(is_blank) {
        return Some("must not begin or end with a blank, and not be blank".to_owned());
    }
    has_credential(name)
        .then(|| "must not contain an API key or a token: the log keeps it".to_owned())
}

/// Returns true if a text contains an API key or a bearer token, which must appear neither in the
/// log nor in an error.
fn has_credential(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.split(|c| !is_part(c)).any(|word| {
        let secret = match word.strip_prefix("dbk_") {
            Some(key) => key.split_once('_').map(|(_, secret)| secret),
            None => word.strip_prefix("eyJ").filter(|token| token.split('.').count() == 3),
        };
        secret.is_some_and(|secret| secret.len() >= MIN_SECRET_CHARS)
    })
}

/// Returns a name as people see it: without characters of no width, and with differences in case
/// and character width removed, so that names that look alike are equal.
pub(crate) fn as_seen(name: &str) -> String {
    let seen = name.nfkc().filter(|c| !has_no_width(*c));
    seen.flat_map(char::to_lowercase).collect()
}

/// Returns what is wrong with a text of content, such as a title, or none if the text is valid.
/// Content may hold characters that a name may not.
pub(crate) fn problem_of_content(text: &str, max_chars: usize) -> Option<String> {
    let chars = text.chars().count();
    if chars == 0 || chars > max_chars {
        return Some(format!("must have 1 to {max_chars} characters, has {chars}"));
    }
    if text.contains('\0') {
        return Some(NUL.to_owned());
    }
    text.chars().all(is_blank).then(|| "must not be blank".to_owned())
}

/// Refuses a text with a NUL character, which PostgreSQL can't store.
///
/// # Errors
/// Returns INVALID with the field at `path` and what is wrong with it.
pub(crate) fn check_text(text: &str, path: &[&str]) -> Result<()> {
    match text.contains('\0') {
        true => Err(Error::invalid(path, NUL)),
        false => Ok(()),
    }
}

/// Message about a text that contains a NUL character.
pub(crate) const NUL: &str = "must not contain a NUL character";

/// Returns true for a character that is invisible or makes a name look like another one.
fn is_misleading(c: char) -> bool {
    let changes_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || changes_direction || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Returns true for a character that can't be seen at the beginning or end of a text.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || has_no_width(c)
        || matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

/// Returns true for a character that has no width.
fn has_no_width(c: char) -> bool {
    let joins_or_breaks = matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}');
    let varies_another = matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}');
    joins_or_breaks || varies_another || matches!(c, '\u{2060}'..='\u{2064}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_script_are_taken() {
        for name in [
            "a",
            "Ada Lovelace",
            "ada@acme.test",
            "日本 語",
            "می\u{200c}خواهم",
            "👩\u{200d}🚀",
            "O'Hara; --",
        ] {
            assert_eq!(problem_of_name(name, 20), None, "{name}");
        }
    }

    #[test]
    fn what_can_t_be_seen_or_kept_is_refused_with_the_reason() {
        for (name, reason) in [
            ("", "has 0"),
            ("123456", "has 6"),
            ("ééééé", ""),
            (" ", "blank"),
            (" a", "blank"),
            ("a\u{a0}", "blank"),
            ("\u{200b}", "blank"),
            ("\u{3164}", "blank"),
            ("a\0b", "control characters"),
            ("a\nb", "control characters"),
            ("a\u{85}", "control characters"),
            ("a\u{2028}b", "line breaks"),
            ("a\u{202e}b", "direction"),
            ("a\u{200f}b", "direction"),
            ("\u{feff}a", "control characters"),
        ] {
            let said = problem_of_name(name, 5).unwrap_or_default();
            assert!(
                said.contains(reason) && said.is_empty() == reason.is_empty(),
                "{name:?}: {said}"
            );
        }
    }

    #[test]
    fn credentials_are_no_part_of_a_name_and_what_looks_like_them_is() {
        let key = format!("dbk_{}_{}", "1a2b3c4d".repeat(2), "5e6f7a8b".repeat(8));
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.VGhpc0lzTm90QVNpZ25hdHVyZQ";
        for name in [key.as_str(), token, &format!("leaked: {key}."), &format!("<{token}>")] {
            let said = problem_of_name(name, 500).unwrap_or_default();
            assert!(said.contains("API key"), "{name}: {said}");
        }
        for name in ["dbk_1a2b3c4d5e6f7a8b", "dbk_old_one", "eyJafjallajökull", "eyJa.b.c"] {
            assert_eq!(problem_of_name(name, 500), None, "{name}");
        }
    }

    #[test]
    fn names_that_look_alike_are_seen_as_one() {
        for name in
            ["daybook-cli", "Daybook-CLI", "day\u{200b}book\u{ad}-cli", "ｄａｙｂｏｏｋ－ｃｌｉ"]
        {
            assert_eq!(as_seen(name), "daybook-cli", "{name:?}");
        }
        assert_eq!(as_seen("Ada Lovelace"), "ada lovelace");
    }
}
