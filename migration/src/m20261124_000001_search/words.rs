//! The rule for words at the time of this migration: a copy of the rule for recording, which must stay as
//! it is. A test compares the two. If the rule for recording changes, a new migration rebuilds the index.

use std::collections::BTreeSet;

use sea_orm_migration::sea_orm::prelude::Uuid;
use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Length, in bytes, from which a word is replaced by its digest. PostgreSQL accepts up to 2,046 bytes.
const LONG: usize = 256;

/// Returns the words of `text`, each once.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut word = String::new();
    let mut is_whole = false;
    for c in fold(text).chars() {
        let is_mark = is_combining_mark(c);
        if !is_mark && (is_whole || !c.is_alphanumeric() || is_word_itself(c)) {
            finish(&mut word, &mut words);
        }
        // A mark belongs to what it stands on; alone it is nothing.
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
    if word.len() >= LONG {
        let digest = Sha256::digest(&word);
        // No word begins with an ellipsis, and both engines take it as part of one.
        words.insert(digest.iter().fold("…".to_owned(), |text, byte| format!("{text}{byte:02x}")));
    } else if !word.is_empty() {
        words.insert(word);
    }
}

/// Brings texts that differ only in case or encoding into one form.
///
/// Converts to upper case first, because `ß` and `ς` have the same upper case as `ss` and `σ`.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// True for Chinese characters and kana, each of which is a word by itself.
fn is_word_itself(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}')
}

/// Returns the prefix of an organization's words on PostgreSQL: the last three bytes of its ID, in
/// URL-safe base64.
pub(super) fn prefix(organization_id: Uuid) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = organization_id.as_u128() & 0xFF_FFFF;
    let digit = |place: u32| char::from(DIGITS[(number >> (6 * place)) as usize & 63]);
    (0..4).rev().map(digit).collect()
}
