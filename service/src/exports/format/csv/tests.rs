use super::*;

/// Writes a row of texts. Returns it with the counts of its cells.
pub(super) fn written(cells: &[&str], neutralizes: bool) -> (String, Cells) {
    let mut csv = Csv { out: Vec::new(), neutralizes, cells: Cells::default() };
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            csv.out.push(b',');
        }
        csv.text(cell);
    }
    csv.out.extend_from_slice(b"\r\n");
    (String::from_utf8(csv.out).unwrap(), csv.cells)
}

/// Texts and their cells, as written.
#[rustfmt::skip]
const CELLS: &[(&str, &str)] = &[
    // Texts that no spreadsheet splits or runs.
    ("Ada", "Ada"),
    ("a - b = c", "a - b = c"),
    ("a@example.com", "a@example.com"),
    ("'quoted'", "'quoted'"),
    ("Müller (−5 °C)", "Müller (−5 °C)"),
    ("", ""),
    // Separators of any dialect are quoted.
    ("a,b", "\"a,b\""),
    ("a;b", "\"a;b\""),
    ("a\tb", "\"a\tb\""),
    ("a|b", "\"a|b\""),
    ("a\r\nb", "\"a\r\nb\""),
    ("say \"hi\"", "\"say \"\"hi\"\"\""),
    // Formulas at the start.
    ("=1+1", "'=1+1"),
    ("+cmd|' /C calc'!A0", "\"'+cmd|' /C calc'!A0\""),
    ("-A1", "'-A1"),
    ("@SUM(A1:A9)", "'@SUM(A1:A9)"),
    ("-", "'-"),
    ("＝1", "'＝1"),
    ("＋1", "'＋1"),
    ("－1", "'－1"),
    ("＠SUM(A1)", "'＠SUM(A1)"),
    // Blanks, quotes, apostrophes and control characters before them.
    (" =1", "' =1"),
    ("\u{a0}=1", "'\u{a0}=1"),
    ("\u{feff}=1", "'\u{feff}=1"),
    ("\u{1}=1", "'\u{1}=1"),
    ("\"=1\"", "\"'\"\"=1\"\"\""),
    ("'=1", "''=1"),
    ("''=1", "'''=1"),
    // A tab or a line break at the start.
    ("\t", "\"'\t\""),
    ("\tplain", "\"'\tplain\""),
    ("\rplain", "\"'\rplain\""),
    ("\nplain", "\"'\nplain\""),
    ("\t=1", "\"'\t'=1\""),
    ("\r=1", "\"'\r'=1\""),
    ("\n=1", "\"'\n'=1\""),
    // Formulas after a separator.
    ("Ada;=1+1", "\"Ada;'=1+1\""),
    ("Ada\t=1+1", "\"Ada\t'=1+1\""),
    ("Ada,=1+1", "\"Ada,'=1+1\""),
    ("Ada|=1+1", "\"Ada|'=1+1\""),
    ("Ada\n=1+1", "\"Ada\n'=1+1\""),
    ("Ada\r\n=1+1", "\"Ada\r\n'=1+1\""),
    ("Ada; =1+1", "\"Ada;' =1+1\""),
    ("Ada;\"=1+1\"", "\"Ada;'\"\"=1+1\"\"\""),
    ("Ada;＝1", "\"Ada;'＝1\""),
    ("Ada;;@A1", "\"Ada;;'@A1\""),
    ("=1;=2", "\"'=1;'=2\""),
    ("a,\tb", "\"a,\tb\""),
    // Plain numbers.
    ("-5", "-5"),
    ("+491701234567", "+491701234567"),
    ("-1.5e3", "-1.5e3"),
    ("-.5", "-.5"),
    ("'-5", "'-5"),
    (" -5 ", " -5 "),
    ("a;-5", "\"a;-5\""),
    ("a;-5;b", "\"a;-5;b\""),
    ("[52.5,-13.4]", "\"[52.5,-13.4]\""),
    ("[-1,-2,\"x\",-3]", "\"[-1,-2,\"\"x\"\",-3]\""),
    ("{\"a\":-5,\"b\":-6}", "\"{\"\"a\"\":-5,\"\"b\"\":-6}\""),
    // What only looks like a number.
    ("-5+A1", "'-5+A1"),
    ("-5,5+A1", "\"'-5,5+A1\""),
    ("a;-5,5+A1", "\"a;'-5,5+A1\""),
    ("-5|A1", "\"'-5|A1\""),
    ("a\t-5\t+A1", "\"a\t'-5\t'+A1\""),
    ("-5\n+A1", "\"'-5\n'+A1\""),
    ("\"-5", "\"'\"\"-5\""),
    ("-1e", "'-1e"),
    ("-1.", "'-1."),
    ("--5", "'--5"),
    ("+49 170", "'+49 170"),
];

#[test]
fn cells_are_quoted_and_neutralized() {
    for (text, expected) in CELLS {
        let (row, cells) = written(&["1", text], true);
        assert_eq!(row, format!("1,{expected}\r\n"), "{text:?}");
        let changed = expected.replace('\'', "").len() != expected.len()
            && expected.matches('\'').count() > text.matches('\'').count();
        assert_eq!(cells.neutralized, u64::from(changed), "{text:?}");
    }
}

#[test]
fn without_neutralization_cells_are_only_quoted() {
    for (text, _) in CELLS {
        let (row, cells) = written(&["1", text], false);
        let quote = if text.bytes().any(needs_quotes) { "\"" } else { "" };
        let text = text.replace('"', "\"\"");
        assert_eq!(row, format!("1,{quote}{text}{quote}\r\n"));
        assert_eq!(cells.neutralized, 0);
    }
}

#[test]
fn cells_longer_than_a_spreadsheets_are_counted() {
    let longest = "é".repeat(32_767);
    let pairs = "🦀".repeat(16_383);
    for (text, long) in [
        (longest.clone(), 0),
        (format!("{longest}x"), 1),
        (pairs.clone(), 0),
        (format!("{pairs}x"), 0),
        (format!("{pairs}🦀"), 1),
        // The apostrophe is one character more.
        (format!("={}", "x".repeat(32_766)), 1),
        (format!("={}", "x".repeat(32_765)), 0),
    ] {
        assert_eq!(written(&[&text], true).1.long, long);
    }
}
