//! Texts in the XML of a workbook.

use crate::exports::cells::MAX_CELL_UNITS;

/// Appends the text of a cell.
///
/// What XML can't hold, or would change when it is read, is written as `_xHHHH_` with its code, and
/// so is the low line of a text that looks like that (ECMA-376, part 1, 22.9.2.19).
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    let mut done = 0;
    for (index, c) in text.char_indices() {
        let code = match c {
            '&' | '<' | '>' => 0,
            '\t' | '\n' => continue,
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => u32::from(c),
            '_' if is_escape(&text[index..]) => u32::from(c),
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[done..index]);
        done = index + c.len_utf8();
        match c {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            _ => out.extend_from_slice(format!("_x{code:04X}_").as_bytes()),
        }
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
}

/// True if `text` begins with `_xHHHH_`.
fn is_escape(text: &str) -> bool {
    match text.as_bytes() {
        [b'_', b'x', digits @ ..] if digits.len() >= 5 => {
            digits[..4].iter().all(u8::is_ascii_hexdigit) && digits[4] == b'_'
        }
        _ => false,
    }
}

/// Splits a text into parts that fit a cell each.
pub(super) fn parts(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (part, rest) = split_at_units(text, MAX_CELL_UNITS);
        text = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// Splits a text after as many characters as have at most `units` UTF-16 code units.
pub(super) fn split_at_units(text: &str, units: usize) -> (&str, &str) {
    let mut left = units;
    let end = text.char_indices().find(|(_, c)| match left.checked_sub(c.len_utf16()) {
        Some(less) => {
            left = less;
            false
        }
        None => true,
    });
    text.split_at(end.map_or(text.len(), |(index, _)| index))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        push_text(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_escaped_for_xml_and_for_spreadsheets() {
        for (text, expected) in [
            ("Ada é 🦀 \t\n", "Ada é 🦀 \t\n"),
            ("<a & \"b\">", "&lt;a &amp; \"b\"&gt;"),
            ("\r\n", "_x000D_\n"),
            ("\u{1}\u{1b}\u{fffe}\u{ffff}", "_x0001__x001B__xFFFE__xFFFF_"),
            ("\u{7f}\u{85}\u{2028}", "\u{7f}\u{85}\u{2028}"),
            ("_x000D_", "_x005F_x000D_"),
            ("_x00e9_", "_x005F_x00e9_"),
            ("_x000_ x_x00G0_ _x0041", "_x000_ x_x00G0_ _x0041"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    proptest! {
        #[test]
        fn parts_fit_and_concatenate(text in "(?s)[aé🦀]{0,40}", units in 2..9_usize) {
            let (mut rest, mut whole) = (text.as_str(), String::new());
            while !rest.is_empty() {
                let (part, next) = split_at_units(rest, units);
                let length = part.encode_utf16().count();
                prop_assert!((1..=units).contains(&length));
                prop_assert!(next.is_empty() || length + 1 >= units);
                whole.push_str(part);
                rest = next;
            }
            prop_assert_eq!(whole, text);
        }
    }
}
