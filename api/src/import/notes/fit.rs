//! Shortens titles and drops tags that a note can't have, with a remark on each change.

use std::collections::HashSet;

use daybook_service::notes::{MAX_TAGS, TAG_CHARS, TITLE_CHARS};

/// A value within the limits, and a remark on what was changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fitted<T> {
    pub(super) value: T,
    pub(super) remark: Option<String>,
}

/// Shortens a title to the maximum length.
pub(super) fn title(title: String) -> Fitted<String> {
    let Some((end, _)) = title.char_indices().nth(TITLE_CHARS) else {
        return Fitted { value: title, remark: None };
    };
    let count = title.chars().count();
    let remark = format!("its title has {count} characters and was shortened to {TITLE_CHARS}");
    Fitted { value: title[..end].to_owned(), remark: Some(remark) }
}

/// Returns the valid tags, without duplicates. Tags that are too long are left out, since a shortened
/// tag would be another tag.
pub(super) fn tags(tags: Vec<String>) -> Fitted<Vec<String>> {
    let (mut taken, mut seen) = (Vec::new(), HashSet::new());
    let (mut blank, mut long, mut double, mut more) = (0, 0, 0, 0);
    for tag in tags {
        if is_blank(&tag) {
            blank += 1;
        } else if tag.chars().count() > TAG_CHARS {
            long += 1;
        } else if seen.contains(&tag) {
            double += 1;
        } else if taken.len() == MAX_TAGS {
            more += 1;
        } else {
            seen.insert(tag.clone());
            taken.push(tag);
        }
    }
    let reasons = [
        (long, format!("longer than {TAG_CHARS} characters")),
        (more, format!("after the first {MAX_TAGS}")),
        (double, "given twice".to_owned()),
        (blank, "blank".to_owned()),
    ];
    let said = reasons.into_iter().filter(|(count, _)| *count > 0);
    let said: Vec<_> = said.map(|(count, reason)| format!("{count} {reason}")).collect();
    let remark =
        (!said.is_empty()).then(|| format!("some tags were left out: {}", said.join(", ")));
    Fitted { value: taken, remark }
}

/// Returns true if a text has no visible characters.
pub(super) fn is_blank(text: &str) -> bool {
    let is_invisible = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    text.chars().all(is_invisible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_cut_between_characters() {
        for (given, kept) in
            [("é".repeat(500), 500), ("é".repeat(501), 500), ("😀".repeat(900), 500)]
        {
            let Fitted { value, remark } = title(given.clone());
            assert!(given.starts_with(&value) && value.chars().count() == kept, "{value}");
            assert_eq!(remark.is_some(), value != given);
        }
    }

    #[test]
    fn tags_that_do_not_fit_are_left_out_and_counted() {
        let given = ["a", "", " ", "a", "A", &"x".repeat(64), &"é".repeat(65)].map(str::to_owned);
        let many = (0..40).map(|number| number.to_string());
        let Fitted { value, remark } = tags(given.into_iter().chain(many).collect());
        assert_eq!(value.len(), 32);
        assert_eq!(value[..4], ["a", "A", &"x".repeat(64), "0"]);
        let said = "some tags were left out: 1 longer than 64 characters, 11 after the first 32, 1 given twice, 2 blank";
        assert_eq!(remark.as_deref(), Some(said));
        assert_eq!(tags(vec!["a".to_owned()]).remark, None);
    }

    #[test]
    fn blank_is_what_shows_nothing() {
        for text in ["", " \t\u{a0}\u{3000}", "\u{200b}\u{feff}", "\0"] {
            assert!(is_blank(text), "{text:?}");
        }
        assert!(!is_blank(" . "));
    }
}
