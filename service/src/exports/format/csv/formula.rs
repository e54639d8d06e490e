//! CSV injection: the places of a text at which a spreadsheet could begin a cell with a formula.
//!
//! Quotes do not keep a text in one cell. A spreadsheet that splits at semicolons reads
//! `1,"Ada;=1+1"` as the cells `1,"Ada` and `=1+1"`, since a quote in the middle of a cell means
//! nothing. So a cell can begin at the start of a text and after each separator in it, and the rule
//! applies to each of these places.
//!
//! At such a place, blanks, control characters, quotes and apostrophes are passed over. A formula
//! begins if the next character is one of `=`, `+`, `-` and `@` or of their full-width forms
//! (OWASP, CSV Injection), or, at the start of the text, a tab or a line break. A plain number, such
//! as `-5` or `+491701234567`, is no formula. It must be all that the cell holds: after it come the
//! end of the text, or a closing bracket of JSON, which ends any formula with a syntax error, or the
//! separator that began the cell. Another separator does not end a number: `-5,5+A1` is one cell
//! where a semicolon separates cells and a comma the decimals. Nor does a tab or a line break, which
//! is a blank where it separates nothing.
//!
//! Passing over apostrophes keeps the rule reversible: an apostrophe more or less does not change
//! whether it applies.

/// True if a spreadsheet may split a line here.
pub(super) const fn separates(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b'\t' | b'|' | b'\r' | b'\n')
}

/// True if `text`, at whose start a cell can begin, begins a formula. `separator` is the one before
/// it; none at the start of a value.
#[inline]
pub(super) fn begins_formula(text: &str, separator: Option<u8>) -> bool {
    // Most texts begin with a character that decides at once.
    match text.as_bytes() {
        [] | [b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'[' | b'{', ..] => false,
        _ => follows_what_is_passed_over(text, separator),
    }
}

fn follows_what_is_passed_over(text: &str, separator: Option<u8>) -> bool {
    let content = text.trim_start_matches(is_passed_over);
    match content.chars().next() {
        Some('=' | '@' | '＝' | '＋' | '－' | '＠') => true,
        Some('+' | '-') => {
            let before = &text[..text.len() - content.len()];
            before.contains('"') || !is_number(content.as_bytes(), separator)
        }
        Some('\t' | '\r' | '\n') => separator.is_none(),
        Some(_) | None => false,
    }
}

fn is_passed_over(c: char) -> bool {
    let is_separator = u8::try_from(c).is_ok_and(separates);
    matches!(c, '"' | '\'' | '\u{feff}') || ((c.is_whitespace() || c.is_control()) && !is_separator)
}

/// True if the cell that begins with `text`, a sign first, is a plain number.
fn is_number(text: &[u8], separator: Option<u8>) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(&text[1..]);
    let mut end = 1 + whole;
    let decimals = if text.get(end) == Some(&b'.') { digits(&text[end + 1..]) } else { 0 };
    if whole + decimals == 0 {
        return false;
    }
    end += if decimals > 0 { 1 + decimals } else { 0 };
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(&text[end + 1 + sign..]);
        if exponent == 0 {
            return false;
        }
        end += 1 + sign + exponent;
    }
    match text[end..].iter().find(|byte| **byte != b' ') {
        None | Some(b']' | b'}') => true,
        Some(b'\t' | b'\r' | b'\n') => false,
        next => next.copied() == separator,
    }
}
