//! The first check of a document: one pass over its text, before any parser runs.
//!
//! Without this check, a literal of four kilobytes that is nested 2,000 levels deep overflows the
//! parser's stack, which ends the process.

use super::refusal::Refusal;
use crate::config::DocumentLimits;

/// Maximum nesting of brackets, braces and parentheses. Not configurable, because the parsers'
/// stacks determine it.
const MAX_BRACKET_NESTING: usize = 64;

/// Counts brackets and tokens outside strings and comments.
///
/// # Errors
/// A text that exceeds a limit.
pub(super) fn measure(text: &str, limits: &DocumentLimits) -> Result<(), Refusal> {
    if text.len() > limits.bytes {
        return Err(Refusal::too("long", limits.bytes as u64, "bytes"));
    }
    let (mut tokens, mut nesting) = (0_usize, 0_usize);
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            b'#' => skip_comment(tail),
            b'"' => {
                tokens += 1;
                skip_string(rest)
            }
            b' ' | b'\t' | b'\n' | b'\r' | b',' => tail,
            _ if is_name(byte) => {
                tokens += 1;
                let end = tail.iter().position(|byte| !is_name(*byte)).unwrap_or(tail.len());
                &tail[end..]
            }
            _ => {
                tokens += 1;
                match byte {
                    b'{' | b'[' | b'(' => nesting += 1,
                    b'}' | b']' | b')' => nesting = nesting.saturating_sub(1),
                    _ => {}
                }
                tail
            }
        };
        if nesting > MAX_BRACKET_NESTING {
            return Err(Refusal::too("deeply nested", MAX_BRACKET_NESTING as u64, "brackets"));
        }
        if tokens > limits.tokens {
            return Err(Refusal::too("long", limits.tokens as u64, "tokens"));
        }
    }
    Ok(())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn skip_comment(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(text.len());
    &text[end..]
}

/// Returns the text after the string at the start of `text`. A string without an end is left to the
/// parser.
fn skip_string(text: &[u8]) -> &[u8] {
    const BLOCK_QUOTE: &[u8] = b"\"\"\"";
    let (mut at, is_block) = if text.starts_with(BLOCK_QUOTE) { (3, true) } else { (1, false) };
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if is_block && rest.starts_with(b"\\\"\"\"") {
            at += 4;
        } else if is_block && rest.starts_with(BLOCK_QUOTE) {
            return &rest[3..];
        } else if is_block {
            at += 1;
        } else {
            match rest[0] {
                b'\\' => at += 2,
                b'"' | b'\n' | b'\r' => return &rest[1..],
                _ => at += 1,
            }
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::code;

    fn measured(text: &str) -> Result<(), &'static str> {
        measure(text, &DocumentLimits::default()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn nested_literals_are_refused() {
        for bracket in ["[", "{a:", "("] {
            let text = format!("{{ f(a: {} }}", bracket.repeat(100_000));
            assert_eq!(measured(&text), Err(code::TOO_COMPLEX));
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let brackets = "[".repeat(200);
        let text = format!(
            "# {brackets}\n{{ a(b: \"{brackets}\\\"{brackets}\", c: \"\"\"{brackets}\\\"\"\"{brackets}\"\"\") }}"
        );
        assert_eq!(measured(&text), Ok(()));
    }

    #[test]
    fn limits_are_the_last_that_is_taken() {
        let limits = DocumentLimits { tokens: 4, bytes: 9, ..DocumentLimits::default() };
        assert!(measure("{ a b }", &limits).is_ok());
        assert!(measure("{ a b c }", &limits).is_err());
        assert!(measure("{ abcde }", &limits).is_ok());
        assert!(measure("{ abcdef }", &limits).is_err());
    }
}
