//! Words: the one definition, for both recorded entries and searches.
//!
//! A word is a run of letters, digits and their marks, in any script. Everything else separates
//! words: `device.assign` has two, `ada@acme.test` three. Chinese characters and kana, which are
//! written without spaces, are a word each. Words are compared regardless of case and of how
//! Unicode encodes the same text (compatibility normalization, full case folding).

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Size of a word, in bytes, from which on its digest replaces it: PostgreSQL accepts up to 2,046.
const MAX_WORD_BYTES: usize = 256;

/// Returns the words of `text`, each once.
pub(in crate::audit) fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut word = String::new();
    let mut is_whole = false;
    for c in fold(text).chars() {
        let is_mark = is_combining_mark(c);
        if !is_mark && (is_whole || !c.is_alphanumeric() || is_word_itself(c)) {
            finish(&mut word, &mut words);
        }
        // A mark belongs to the preceding character, and is ignored if there is none.
        if c.is_alphanumeric() && !is_mark || is_mark && !word.is_empty() {
            word.push(c);
        }
        if !is_mark {
            is_whole = is_word_itself(c);
        }
    }
    finish(&mut word, &mut words);
    words
}

fn finish(word: &mut String, words: &mut BTreeSet<String>) {
    let word = std::mem::take(word);
    if word.len() >= MAX_WORD_BYTES {
        let digest = Sha256::digest(&word);
        // No word begins with an ellipsis, and both engines accept it as part of a word.
        words.insert(digest.iter().fold("…".to_owned(), |text, byte| format!("{text}{byte:02x}")));
    } else if !word.is_empty() {
        words.insert(word);
    }
}

/// Returns one form of `text` for all that differ only in case or encoding.
///
/// Goes through upper case, which `ß` and `ς` share with `ss` and `σ`.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// True for Chinese characters and kana, each of which is a word.
fn is_word_itself(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::words;
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
        ] {
            assert_eq!(words(one), words(other), "{one} {other}");
        }
        assert_ne!(words("André"), words("Andre"));
    }

    #[test]
    fn scripts_without_spaces_are_cut_by_character() {
        assert_eq!(list("東京2号"), ["2", "京", "号", "東"]);
        assert_eq!(list("한국어 नमस्ते"), ["नमस्ते", "한국어"]);
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
