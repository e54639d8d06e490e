//! What stands before the executor: a document is measured before it is parsed, and priced before
//! it is run.
//!
//! Without it, one kilobyte without a credential ends the process: a literal nested 2,000 deep
//! overflows the parser's stack, and fragments that spread two others each double the work at
//! every level. Here brackets and tokens are counted in one pass over the text, and each fragment
//! is priced once, whatever spreads it.
//!
//! The schema's description of itself, which needs no credential, has circles of lists: each turn
//! of `interfaces { possibleTypes { … } }` multiplies the answer. It is bounded as by graphql-js's
//! `MaxIntrospectionDepthRule`.

use std::collections::HashMap;

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{
        ExecutableDocument, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
    },
    parser::{self},
};

use super::error::code;

/// Longest document, in bytes.
const BYTES: usize = 256 * 1024;
/// Most nested brackets, braces and parentheses.
const NESTING: usize = 64;
/// Most tokens.
const TOKENS: usize = 15_000;
/// Most fragments and operations.
const DEFINITIONS: usize = 500;
/// Most fields that an operation comes to with its fragments spread, lists counted once.
const FIELDS: u64 = 5_000;
/// Most fields below one another with fragments spread.
const DEPTH: u64 = 32;
/// Most of [`SCHEMA_LISTS`] below one another in `__schema` or `__type`.
const SCHEMA_DEPTH: u64 = 2;
/// The lists by which the schema's description leads back to itself.
const SCHEMA_LISTS: [&str; 4] = ["fields", "interfaces", "possibleTypes", "inputFields"];

/// Why a document is not run: a text for the client and a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of [`code`].
    pub code: &'static str,
    /// What is wrong; holds the limit where it's one.
    pub message: String,
    /// Where in the document, where that is known.
    pub location: Option<Pos>,
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::new(refusal.message, refusal.location);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", refusal.code);
        error
    }
}

/// `text` as a document that is safe to validate and run.
///
/// # Errors
/// A document that can't be parsed, or that is larger than a limit.
pub fn parse(text: &str) -> Result<ExecutableDocument, Refusal> {
    measure(text)?;
    let document = parser::parse_query(text).map_err(|error| {
        let location = match &error {
            parser::Error::Syntax { start, .. } => Some(*start),
            _ => error.positions().next(),
        };
        let place =
            location.map(|Pos { line, column }| format!(" at line {line}, column {column}"));
        let message = match error {
            parser::Error::Syntax { .. } => "Syntax error".to_owned(),
            other => other.to_string(),
        };
        Refusal {
            code: code::PARSE_FAILED,
            message: format!("{message}{}", place.unwrap_or_default()),
            location,
        }
    })?;
    price(&document)?;
    Ok(document)
}

/// Counts brackets and tokens outside strings and comments.
fn measure(text: &str) -> Result<(), Refusal> {
    if text.len() > BYTES {
        return Err(too("long", BYTES as u64, "bytes"));
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
        if nesting > NESTING {
            return Err(too("deeply nested", NESTING as u64, "brackets"));
        }
        if tokens > TOKENS {
            return Err(too("long", TOKENS as u64, "tokens"));
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

/// What follows the string that `text` begins with. One that does not end is left to the parser.
fn skip_string(text: &[u8]) -> &[u8] {
    const BLOCK: &[u8] = b"\"\"\"";
    let (mut at, is_block) = if text.starts_with(BLOCK) { (3, true) } else { (1, false) };
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if is_block && rest.starts_with(b"\\\"\"\"") {
            at += 4;
        } else if is_block && rest.starts_with(BLOCK) {
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

/// What a selection comes to.
#[derive(Copy, Clone, Default)]
struct Price {
    fields: u64,
    depth: u64,
    schema_depth: u64,
}

impl Price {
    /// The price of a field by this name that selects what has this price.
    fn below(self, name: &str) -> Result<Self, Refusal> {
        let is_schema = matches!(name, "__schema" | "__type");
        if is_schema && self.schema_depth > SCHEMA_DEPTH {
            return Err(too("deep in the schema", SCHEMA_DEPTH, "lists below one another"));
        }
        let is_list = SCHEMA_LISTS.contains(&name);
        Ok(Self {
            fields: self.fields.saturating_add(1),
            depth: self.depth + 1,
            schema_depth: self.schema_depth + u64::from(is_list),
        })
    }
}

fn price(document: &ExecutableDocument) -> Result<(), Refusal> {
    let operations: Vec<&Positioned<OperationDefinition>> =
        document.operations.iter().map(|(_, operation)| operation).collect();
    if operations.len() + document.fragments.len() > DEFINITIONS {
        return Err(too("long", DEFINITIONS as u64, "definitions"));
    }
    let mut pricer = Pricer { fragments: &document.fragments, known: HashMap::new() };
    for operation in operations {
        let Price { fields, depth, schema_depth: _ } =
            pricer.set(&operation.node.selection_set.node)?;
        if fields > FIELDS {
            return Err(too("large", FIELDS, "fields"));
        }
        if depth > DEPTH {
            return Err(too("deep", DEPTH, "levels"));
        }
    }
    Ok(())
}

struct Pricer<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// A fragment's price; none while it is being priced.
    known: HashMap<&'a Name, Option<Price>>,
}

impl<'a> Pricer<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Price, Refusal> {
        let mut sum = Price::default();
        for selection in &set.items {
            let price = match &selection.node {
                Selection::Field(field) => {
                    self.set(&field.node.selection_set.node)?.below(&field.node.name.node)?
                }
                Selection::InlineFragment(fragment) => {
                    self.set(&fragment.node.selection_set.node)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, selection.pos)?
                }
            };
            sum.fields = sum.fields.saturating_add(price.fields);
            sum.depth = sum.depth.max(price.depth);
            sum.schema_depth = sum.schema_depth.max(price.schema_depth);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Name, spread_at: Pos) -> Result<Price, Refusal> {
        match self.known.get(name) {
            Some(Some(price)) => return Ok(*price),
            Some(None) => {
                return Err(Refusal {
                    code: code::TOO_COMPLEX,
                    message: format!("Cannot spread fragment \"{name}\" within itself."),
                    location: Some(spread_at),
                });
            }
            None => {}
        }
        // An unknown fragment is for validation to name.
        let Some(fragment) = self.fragments.get(name) else { return Ok(Price::default()) };
        self.known.insert(name, None);
        let price = self.set(&fragment.node.selection_set.node)?;
        self.known.insert(name, Some(price));
        if price.depth > DEPTH {
            return Err(too("deep", DEPTH, "levels"));
        }
        Ok(price)
    }
}

fn too(what: &str, limit: u64, unit: &str) -> Refusal {
    Refusal {
        code: code::TOO_COMPLEX,
        message: format!("The document is too {what}: at most {limit} {unit} are taken"),
        location: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn doubling(levels: usize) -> String {
        let mut text = "{ ...f0 }".to_owned();
        for level in 0..levels {
            let next = level + 1;
            text.push_str(&format!("fragment f{level} on Query {{ ...f{next} ...f{next} }}"));
        }
        text + &format!("fragment f{levels} on Query {{ __typename }}")
    }

    #[test]
    fn doubling_fragments_are_priced_once_and_refused() {
        assert!(parse(&doubling(12)).is_ok(), "4,096 fields");
        for levels in [13, 22, 400] {
            assert_eq!(
                parse(&doubling(levels)).map(drop).map_err(|e| e.code),
                Err(code::TOO_COMPLEX)
            );
        }
    }

    #[test]
    fn chain_of_fragments_is_as_deep_as_it_is_long_only_where_fields_nest() {
        let mut text = "{ ...f0 }".to_owned();
        for level in 0..400 {
            text.push_str(&format!("fragment f{level} on Query {{ a {{ ...f{} }} }}", level + 1));
        }
        text.push_str("fragment f400 on Query { a }");
        assert_eq!(parse(&text).map(drop).map_err(|e| e.code), Err(code::TOO_COMPLEX));
    }

    #[test]
    fn fragment_within_itself_is_refused() {
        assert!(
            parse("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }").is_err()
        );
    }

    #[test]
    fn nested_literals_are_refused_before_they_are_parsed() {
        for bracket in ["[", "{a:", "("] {
            let text = format!("{{ f(a: {} }}", bracket.repeat(100_000));
            assert_eq!(parse(&text[..]).map(drop).map_err(|e| e.code), Err(code::TOO_COMPLEX));
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let brackets = "[".repeat(200);
        let text = format!(
            "# {brackets}\n{{ a(b: \"{brackets}\\\"{brackets}\", c: \"\"\"{brackets}\\\"\"\"{brackets}\"\"\") }}"
        );
        assert!(parse(&text).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}()\"\\\\#a1 .:$@!|&=,\n-]{0,200}") {
            let _ = parse(&text);
        }
    }
}
