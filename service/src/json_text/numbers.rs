//! Numbers that a database can't compare.
//!
//! PostgreSQL has no `numeric` for a number with very many digits or a very small exponent, so a
//! filter that met one would fail for the whole log.

/// Maximum length of a number, in characters.
const MAX_CHARS: usize = 1_000;
/// Maximum number of digits in an exponent. Those of doubles have three.
const MAX_EXPONENT_DIGITS: usize = 4;

/// Returns the place of the first such number in `text`, which is valid JSON, as members and indexes
/// that lead to it, and what is wrong with it.
pub(super) fn find(text: &str) -> Option<(Vec<String>, String)> {
    let mut place: Vec<Step<'_>> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let length = string_length(rest);
                if let Some(Step::Member(name @ None)) = place.last_mut() {
                    *name = Some(&rest[..length]);
                }
                length
            }
            '-' | '0'..='9' => {
                let is_of_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
                let length = rest.find(|c| !is_of_number(c)).unwrap_or(rest.len());
                if let Some(message) = problem(&rest[..length]) {
                    return Some((place.iter().map(Step::text).collect(), message));
                }
                length
            }
            _ => {
                enter_or_leave(&mut place, first);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    None
}

/// A step from an object or list to one of its values.
enum Step<'a> {
    /// The JSON text of a member's name, once it has been read.
    Member(Option<&'a str>),
    Index(usize),
}

impl Step<'_> {
    fn text(&self) -> String {
        match self {
            Self::Member(name) => {
                name.and_then(|name| serde_json::from_str(name).ok()).unwrap_or_default()
            }
            Self::Index(index) => index.to_string(),
        }
    }
}

fn enter_or_leave(place: &mut Vec<Step<'_>>, sign: char) {
    match (sign, place.last_mut()) {
        ('{', _) => place.push(Step::Member(None)),
        ('[', _) => place.push(Step::Index(0)),
        ('}' | ']', _) => drop(place.pop()),
        (',', Some(Step::Member(name))) => *name = None,
        (',', Some(Step::Index(index))) => *index += 1,
        _ => {}
    }
}

/// Returns the length of the string at the beginning of `text`, with its quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let is_end = *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |(index, _)| index + 1)
}

fn problem(number: &str) -> Option<String> {
    if number.len() > MAX_CHARS {
        let message = format!("is a number of more than {MAX_CHARS} characters");
        return Some(message + ": give it as a string");
    }
    let (_, exponent) = number.split_once(['e', 'E'])?;
    let exponent = exponent.trim_start_matches(['+', '-', '0']);
    (exponent.len() > MAX_EXPONENT_DIGITS).then(|| {
        format!(
            "is a number with an exponent of more than {MAX_EXPONENT_DIGITS} digits: give it as a \
             string"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::find;
    use proptest::prelude::*;

    #[test]
    fn number_that_no_database_compares_is_found_by_its_place() {
        let long = format!("[{{}},0.{}]", "1".repeat(999));
        for (text, place) in [
            ("1e-10000", ""),
            (r#"{"a\"":[1,[],{"b":"1e-10000"},-0.1E-10000]}"#, "a\"/3"),
            (r#"{"a":1,"b":{"c":2},"d":0e-99999}"#, "d"),
            (long.as_str(), "1"),
        ] {
            let found = find(text).map(|(path, _)| path.join("/"));
            assert_eq!(found.as_deref(), Some(place), "{text}");
        }
        for text in [
            "0",
            "-0.0e0",
            "0e-9999",
            "5e-324",
            "1.7e308",
            "1e-400",
            "1e000000400",
            "\"1e-10000\"",
            "{}",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_double_is_refused(text: String, number: f64, whole: i64) {
            prop_assume!(number.is_finite());
            let json = serde_json::json!({ &text: [text, number, whole] }).to_string();
            prop_assert_eq!(find(&json), None);
        }
    }
}
