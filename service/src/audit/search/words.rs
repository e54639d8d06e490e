//! Words: the one definition, for both recorded entries and searches.
//!
//! A word is a run of letters, digits and their marks, in any script. Everything else separates
//! words: `device.assign` has two, `ada@acme.test` three. Words are compared regardless of case and
//! of how Unicode encodes the same text (compatibility normalization, full case folding; a Turkish
//! dotted or dotless i is an i).
//!
//! Some scripts are written without spaces: Chinese, Japanese, Thai, Lao, Khmer, Burmese. There,
//! each character with its marks is a word, and so is each pair of neighbors. A search for several
//! characters in a row looks for their pairs, so that `東京` does not find `京東`.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Size of a word, in bytes, from which on its digest replaces it: PostgreSQL accepts up to 2,046.
const MAX_WORD_BYTES: usize = 256;

/// A word that a search looks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::audit) struct Term {
    /// The word, or how it begins.
    pub(super) word: String,
    /// True if all words that begin like this are looked for.
    pub(super) is_prefix: bool,
}

/// Returns the words of `text`, each once, as they are indexed.
pub(in crate::audit) fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for run in runs(text) {
        match run {
            Run::Word { word, .. } => drop(words.insert(shortened(word))),
            Run::Unspaced(characters) => {
                words.extend(characters.windows(2).map(<[String]>::concat));
                words.extend(characters);
            }
        }
    }
    words
}

/// Returns the terms of a search, each once. A `*` right after a word, and before a space or the
/// end, makes the word a prefix.
pub(in crate::audit) fn terms(search: &str) -> BTreeSet<Term> {
    let whole = |word| Term { word, is_prefix: false };
    let mut terms = BTreeSet::new();
    for run in runs(search) {
        match run {
            Run::Word { word, is_prefix } if is_prefix && word.len() < MAX_WORD_BYTES => {
                terms.insert(Term { word, is_prefix });
            }
            Run::Word { word, .. } => drop(terms.insert(whole(shortened(word)))),
            Run::Unspaced(characters) if characters.len() > 1 => {
                terms.extend(characters.windows(2).map(|pair| whole(pair.concat())));
            }
            Run::Unspaced(characters) => terms.extend(characters.into_iter().map(whole)),
        }
    }
    terms
}

/// A part of a text between separators.
enum Run {
    /// A word of a script that separates its words.
    Word { word: String, is_prefix: bool },
    /// Characters, each with its marks, of a script that does not.
    Unspaced(Vec<String>),
}

/// Cuts a text into runs.
fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut is_open = false;
    let folded = fold(text);
    let mut characters = folded.chars().peekable();
    while let Some(c) = characters.next() {
        if is_combining_mark(c) {
            // A mark belongs to the preceding character, and is ignored if there is none.
            match runs.last_mut().filter(|_| is_open) {
                Some(Run::Word { word, .. }) => word.push(c),
                Some(Run::Unspaced(run)) => run.last_mut().expect("no run is empty").push(c),
                None => {}
            }
            continue;
        }
        let was_open = std::mem::replace(&mut is_open, c.is_alphanumeric());
        match runs.last_mut().filter(|_| was_open) {
            Some(Run::Word { is_prefix, .. }) if c == '*' => {
                *is_prefix = characters.peek().is_none_or(|next| next.is_whitespace());
            }
            _ if !is_open => {}
            Some(Run::Word { word, .. }) if !is_unspaced(c) => word.push(c),
            Some(Run::Unspaced(run)) if is_unspaced(c) => run.push(c.into()),
            _ if is_unspaced(c) => runs.push(Run::Unspaced(vec![c.into()])),
            _ => runs.push(Run::Word { word: c.into(), is_prefix: false }),
        }
    }
    runs
}

/// Returns a word, or a digest in place of a long one.
fn shortened(word: String) -> String {
    if word.len() < MAX_WORD_BYTES {
        return word;
    }
    let digest = Sha256::digest(&word);
    // No word begins with an ellipsis, and both engines accept it as part of a word.
    digest.iter().fold("…".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Returns one form of `text` for all that differ only in case or encoding.
///
/// Goes through upper case, which `ß` and `ς` share with `ss` and `σ`, and the dotless `ı` with `i`.
/// The dotted `İ` loses the dot that it keeps as a mark.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut base = ' ';
    let cased = text.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let without_dots = cased.filter(|c| {
        if !is_combining_mark(*c) {
            base = *c;
        }
        !(base == 'i' && *c == DOT_ABOVE)
    });
    without_dots.nfkc().collect()
}

/// The mark that remains of a dotted `İ`.
const DOT_ABOVE: char = '\u{307}';

/// True for a letter of a script that does not separate its words.
fn is_unspaced(c: char) -> bool {
    let is_in_script = matches!(c,
        // Thai, Lao, Burmese, Khmer.
        '\u{E00}'..='\u{E7F}' | '\u{E80}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
        // Chinese characters and kana.
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}');
    is_in_script && c.is_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::{Term, terms, words};
    use proptest::prelude::*;

    fn list(text: &str) -> Vec<String> {
        words(text).into_iter().collect()
    }

    #[test]
    fn punctuation_separates_and_case_is_one() {
        assert_eq!(list("Device.ASSIGN device-7"), ["7", "assign", "device"]);
        assert_eq!(list("Ada.Lovelace@acme.test"), ["acme", "ada", "lovelace", "test"]);
        assert_eq!(
            list("O'Brien \"x\" OR NOT * NEAR(y) a:b"),
            ["a", "b", "brien", "near", "not", "o", "or", "x", "y"]
        );
        for text in ["", " ", "…", "\0", "'\"*-:()&|!<>\\", "\u{301}", "🚀"] {
            assert_eq!(list(text), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn the_same_text_is_the_same_however_it_is_written() {
        for (one, other) in [
            ("André", "ANDRE\u{301}"),
            ("STRASSE", "Straße"),
            ("ΟΔΟΣ", "οδος"),
            ("οδος", "οδοσ"),
            ("Ｌａｐｔｏｐ７", "laptop7"),
            ("ﬁle", "FILE"),
            ("ガ", "カ\u{3099}"),
            ("ǅ", "Ǆ"),
            ("İSTANBUL", "istanbul"),
            ("İstanbul", "ISTANBUL"),
            ("ıstanbul", "I\u{307}stanbul"),
        ] {
            assert_eq!(words(one), words(other), "{one} {other}");
        }
        assert_ne!(words("André"), words("Andre"));
    }

    #[test]
    fn scripts_without_spaces_are_cut_by_character_and_pair() {
        assert_eq!(list("東京2号"), ["2", "京", "号", "東", "東京"]);
        assert_eq!(list("กำลัง"), ["กํ", "กํา", "ง", "ลั", "ลัง", "า", "าลั"]);
        assert_eq!(list("한국어 नमस्ते"), ["नमस्ते", "한국어"]);
    }

    #[test]
    fn search_looks_for_pairs_and_prefixes() {
        let of = |search: &str| -> Vec<_> {
            let marked = |Term { word, is_prefix }| if is_prefix { word + "*" } else { word };
            terms(search).into_iter().map(marked).collect()
        };
        assert_eq!(of("東京都"), ["京都", "東京"]);
        assert_eq!(of("東 京"), ["京", "東"]);
        assert_eq!(of("京"), ["京"]);
        assert_eq!(of("Lap* device*x *y z* *"), ["device", "lap*", "x", "y", "z*"]);
        assert_eq!(of("東* a.b*\n"), ["a", "b*", "東"]);
        assert_eq!(of(&format!("{}*", "x".repeat(300)))[0].chars().count(), 65);
    }

    #[test]
    fn long_words_are_told_apart_by_all_they_have() {
        let long = "x".repeat(500);
        let [word] = &list(&long)[..] else { panic!("one word") };
        assert_eq!(word.chars().count(), 65);
        assert_ne!(words(&long), words(&format!("{long}x")));
        assert_eq!(words(&long), words(&long.to_uppercase()));
    }

    proptest! {
        #[test]
        fn words_have_nothing_in_them_that_an_engine_would_interpret(text: String) {
            for word in words(&text) {
                prop_assert!(!word.is_empty() && word.len() < 260);
                let is_harmless = |c: char| c.is_alphanumeric() || c == '…' || super::is_combining_mark(c);
                prop_assert!(word.chars().all(is_harmless), "{word:?}");
                prop_assert!(!word.chars().any(|c| c.is_ascii_uppercase()));
            }
        }

        #[test]
        fn words_of_parts_are_those_of_the_whole(one: String, other: String) {
            let mut parts = words(&one);
            parts.extend(words(&other));
            prop_assert_eq!(words(&format!("{one} {other}")), parts);
        }

        #[test]
        fn ascii_is_no_special_case(text in "[ -~]{0,40}") {
            let mut whole = words(&format!("{text} é"));
            whole.remove("é");
            prop_assert_eq!(words(&text), whole);
        }
    }
}
