//! Doc comments and schema descriptions make statements: few begin as an indirect question, and none is a
//! single word.

use std::{fs, path::Path};

use crate::docs::{read, root};

/// Words that turn a sentence into an indirect question if it begins with them.
const QUESTIONS: [&str; 12] = [
    "Whether",
    "How",
    "What",
    "Which",
    "Where",
    "Who",
    "Whose",
    "Why",
    "When",
    "From when",
    "Since when",
    "Until when",
];
/// Prepositions that do so before "what" or "which".
const PREPOSITIONS: [&str; 6] = ["By", "For", "From", "In", "Of", "To"];

/// Maximum share of texts, in percent, that may begin as an indirect question.
const MAX_PERCENT: usize = 5;

/// A text, and its place for a message.
struct Text {
    place: String,
    text: String,
}

fn is_question(text: &str) -> bool {
    let begins_with = |word: &str| {
        text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    QUESTIONS.into_iter().any(begins_with)
        || PREPOSITIONS.into_iter().any(|preposition| {
            ["what", "which"].iter().any(|word| begins_with(&format!("{preposition} {word}")))
        })
}

/// The `///` and `//!` blocks of the Rust files in a folder, each by its first line.
fn doc_comments(folder: &Path, texts: &mut Vec<Text>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            doc_comments(&path, texts);
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let mut is_first = true;
        for (line, number) in fs::read_to_string(&path).unwrap().lines().zip(1..) {
            let line = line.trim_start();
            let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            if let (Some(text), true) = (text, is_first) {
                let place = path.strip_prefix(root().canonicalize().unwrap()).unwrap();
                let place = format!("{}:{number}", place.display());
                texts.push(Text { place, text: text.trim().to_owned() });
            }
            is_first = text.is_none();
        }
    }
}

/// The descriptions of the schema.
fn descriptions() -> Vec<Text> {
    let schema = read("schema.graphql");
    let blocks = schema.split("\"\"\"").skip(1).step_by(2).map(str::trim);
    blocks.map(|text| Text { place: "schema.graphql".to_owned(), text: text.to_owned() }).collect()
}

/// Fails if more than [`MAX_PERCENT`] of the texts begin as an indirect question, or if one is a single word.
fn verify(texts: &[Text]) {
    let is_word = |text: &&Text| text.text.split_whitespace().count() == 1;
    let words: Vec<_> = texts.iter().filter(is_word).collect();
    let questions: Vec<_> = texts.iter().filter(|text| is_question(&text.text)).collect();
    let list = |texts: &[&Text]| {
        let lines = texts.iter().map(|Text { place, text }| format!("\n  {place}: {text}"));
        lines.collect::<String>()
    };
    assert!(
        words.is_empty(),
        "{} texts are a single word: write a sentence, or nothing if the name is enough{}",
        words.len(),
        list(&words)
    );
    assert!(
        questions.len() * 100 <= texts.len() * MAX_PERCENT,
        "{} of {} texts begin as an indirect question, and at most {MAX_PERCENT} % may: begin with a noun or a \
         verb{}",
        questions.len(),
        texts.len(),
        list(&questions)
    );
}

#[test]
fn doc_comments_make_statements() {
    let mut texts = Vec::new();
    for folder in ["api", "entity", "migration", "service", "tests"] {
        doc_comments(&root().join(folder).canonicalize().unwrap(), &mut texts);
    }
    assert!(texts.len() > 3_000, "{}", texts.len());
    verify(&texts);
}

#[test]
fn descriptions_of_the_schema_make_statements() {
    let texts = descriptions();
    assert!(texts.len() > 400, "{}", texts.len());
    verify(&texts);
}
