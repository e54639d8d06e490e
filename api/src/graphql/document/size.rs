//! The size of a document with its fragments spread, checked before validation.
//!
//! Fragments that each spread two others double the work at every level: a kilobyte of them keeps a
//! validator busy for hours. Here each fragment is measured once, however often it is spread, so this
//! pass is linear in the length of the document.
//!
//! Introspection, which needs no credential, has cycles of lists: each round of
//! `interfaces { possibleTypes { … } }` multiplies the answer. It is bounded as in graphql-js's
//! `MaxIntrospectionDepthRule`.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Pos, Positioned,
    parser::types::{
        Directive, ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet,
    },
};

use super::refusal::Refusal;
use crate::{config::DocumentLimits, graphql::error::code};

/// Maximum nesting of selections with fragments spread. Not configurable: validator and executor
/// recurse as deep, and inline fragments nest without a field that counts as depth.
const MAX_SELECTION_NESTING: u64 = 128;
/// Maximum nesting of [`SCHEMA_LISTS`] in `__schema` or `__type`.
const SCHEMA_DEPTH: u64 = 2;
/// The lists by which introspection leads back to the same types.
const SCHEMA_LISTS: [&str; 4] = ["fields", "interfaces", "possibleTypes", "inputFields"];

/// Checks the size of `document`. Its operations are counted together, because all of them are
/// validated.
///
/// # Errors
/// A document that exceeds a limit; a fragment that spreads itself.
pub(super) fn check(document: &ExecutableDocument, limits: &DocumentLimits) -> Result<(), Refusal> {
    let operations = || document.operations.iter().map(|(_, operation)| &operation.node);
    if operations().count() + document.fragments.len() > limits.definitions {
        return Err(Refusal::too("long", limits.definitions as u64, "definitions"));
    }
    let fragments = &document.fragments;
    let mut pricer = Pricer { limits, fragments, known: HashMap::new(), nesting: 0 };
    let mut sum = Size::default();
    for operation in operations() {
        let set = &operation.selection_set.node;
        sum = sum.with(pricer.set(set)?.plus_directives(&operation.directives));
        let mut root =
            Root { fragments: &document.fragments, seen: HashSet::new(), keys: HashSet::new() };
        root.add(set);
        if root.keys.len() > limits.root_fields {
            return Err(Refusal::too("wide", limits.root_fields as u64, "root fields"));
        }
    }
    // Fragments that are not spread are validated, too.
    for (name, fragment) in &document.fragments {
        if !pricer.known.contains_key(name) {
            sum = sum.with(pricer.fragment(name, fragment.pos)?);
        }
    }
    sum.check(limits)
}

/// The size of a selection.
#[derive(Copy, Clone, Default)]
struct Size {
    /// Number of fields and fragment spreads; spreads count because they are followed even if they
    /// lead to nothing.
    fields: u64,
    depth: u64,
    /// Nesting of selections, including those of fragments.
    nesting: u64,
    aliases: u64,
    directives: u64,
    schema_depth: u64,
}

impl Size {
    /// Adds up two selections beside each other.
    fn with(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            schema_depth: self.schema_depth.max(other.schema_depth),
        }
    }

    fn plus_directives(self, directives: &[Positioned<Directive>]) -> Self {
        Self { directives: self.directives.saturating_add(directives.len() as u64), ..self }
    }

    /// Returns the size of a field whose selection has this size.
    fn below(self, field: &Field, limits: &DocumentLimits) -> Result<Self, Refusal> {
        let name = field.name.node.as_str();
        let is_schema = matches!(name, "__schema" | "__type");
        if is_schema && !limits.introspection {
            return Err(Refusal::no_introspection(field.name.pos));
        }
        if is_schema && self.schema_depth > SCHEMA_DEPTH {
            return Err(Refusal::too("deep in the schema", SCHEMA_DEPTH, "nested lists"));
        }
        Ok(Self {
            fields: self.fields.saturating_add(1),
            depth: self.depth + 1,
            nesting: self.nesting,
            aliases: self.aliases.saturating_add(u64::from(field.alias.is_some())),
            directives: self.directives,
            schema_depth: self.schema_depth + u64::from(SCHEMA_LISTS.contains(&name)),
        })
    }

    fn check(self, limits: &DocumentLimits) -> Result<(), Refusal> {
        let Self { fields, depth, nesting, aliases, directives, schema_depth: _ } = self;
        for (what, size, limit, unit) in [
            ("large", fields, limits.fields, "fields"),
            ("deep", depth, limits.depth, "levels"),
            ("deeply nested", nesting, MAX_SELECTION_NESTING, "nested selections"),
            ("large", aliases, limits.aliases, "aliases"),
            ("large", directives, limits.directives, "directives"),
        ] {
            if size > limit {
                return Err(Refusal::too(what, limit, unit));
            }
        }
        Ok(())
    }
}

struct Pricer<'a> {
    limits: &'a DocumentLimits,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// Sizes of the fragments; none while a fragment is being measured.
    known: HashMap<&'a Name, Option<Size>>,
    /// Number of selections that are being measured; each is a level of the recursion.
    nesting: u64,
}

impl<'a> Pricer<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Size, Refusal> {
        self.nesting += 1;
        Size { nesting: self.nesting, ..Size::default() }.check(self.limits)?;
        let sum = self.selections(set)?;
        self.nesting -= 1;
        Ok(Size { nesting: sum.nesting + 1, ..sum })
    }

    fn selections(&mut self, set: &'a SelectionSet) -> Result<Size, Refusal> {
        let mut sum = Size::default();
        for selection in &set.items {
            let size = match &selection.node {
                Selection::Field(field) => {
                    self.set(&field.node.selection_set.node)?.below(&field.node, self.limits)?
                }
                Selection::InlineFragment(fragment) => {
                    self.set(&fragment.node.selection_set.node)?
                }
                Selection::FragmentSpread(spread) => {
                    let size = self.fragment(&spread.node.fragment_name.node, selection.pos)?;
                    Size { fields: size.fields.saturating_add(1), ..size }
                }
            };
            sum = sum.with(size.plus_directives(selection.node.directives()));
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Name, spread_at: Pos) -> Result<Size, Refusal> {
        match self.known.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                let message = format!("Cannot spread fragment \"{name}\" within itself.");
                return Err(Refusal {
                    code: code::TOO_COMPLEX,
                    message,
                    location: Some(spread_at),
                });
            }
            None => {}
        }
        // Validation reports unknown fragments.
        let Some(fragment) = self.fragments.get(name) else { return Ok(Size::default()) };
        self.known.insert(name, None);
        let size = self.set(&fragment.node.selection_set.node)?;
        let size = size.plus_directives(&fragment.node.directives);
        self.known.insert(name, Some(size));
        // The recursion is as deep as the chain of fragments is long.
        size.check(self.limits)?;
        Ok(size)
    }
}

/// The distinct fields at an operation's root. A repeated field is run once.
struct Root<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    seen: HashSet<&'a Name>,
    keys: HashSet<&'a Name>,
}

impl<'a> Root<'a> {
    fn add(&mut self, set: &'a SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    self.keys.insert(&field.node.response_key().node);
                }
                Selection::InlineFragment(fragment) => {
                    self.add(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.fragments.get(name)
                        && self.seen.insert(name)
                    {
                        self.add(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), &'static str> {
        checked_within(text, &DocumentLimits::default())
    }

    fn checked_within(text: &str, limits: &DocumentLimits) -> Result<(), &'static str> {
        let document = async_graphql::parser::parse_query(text).expect("it can be parsed");
        check(&document, limits).map_err(|refusal| refusal.code)
    }

    fn doubling(levels: usize, end: &str) -> String {
        let mut text = "{ ...f0 }".to_owned();
        for level in 0..levels {
            let next = level + 1;
            text.push_str(&format!("fragment f{level} on Query {{ ...f{next} ...f{next} }}"));
        }
        text + end
    }

    #[test]
    fn doubling_fragments_are_priced_once_and_refused() {
        for end in [|n| format!("fragment f{n} on Query {{ __typename }}"), |_| String::new()] {
            assert_eq!(checked(&doubling(10, &end(10))), Ok(()));
            for levels in [13, 22, 400] {
                assert_eq!(checked(&doubling(levels, &end(levels))), Err(code::TOO_COMPLEX));
            }
        }
    }

    #[test]
    fn many_operations_that_spread_much_are_counted_together() {
        let operations: String = (0..10).map(|n| format!("query q{n} {{ ...f0 }}")).collect();
        let text = doubling(9, "fragment f9 on Query { __typename }").replacen(
            "{ ...f0 }",
            &operations,
            1,
        );
        assert_eq!(checked(&text), Err(code::TOO_COMPLEX));
    }

    #[test]
    fn chain_of_fragments_is_as_deep_as_it_is_long_only_where_fields_nest() {
        let mut text = "{ ...f0 }".to_owned();
        for level in 0..400 {
            text.push_str(&format!("fragment f{level} on Query {{ a {{ ...f{} }} }}", level + 1));
        }
        text.push_str("fragment f400 on Query { a }");
        assert_eq!(checked(&text), Err(code::TOO_COMPLEX));
    }

    #[test]
    fn nesting_without_fields_is_bounded() {
        let chain = |fragments: usize| {
            let spread =
                |level| format!("fragment f{level} on Q {{ ... {{ ...f{} }} }}", level + 1);
            "{ ...f1 }".to_owned() + &(1..=fragments).map(spread).collect::<String>()
        };
        // The operation's selection, and two of each fragment.
        assert_eq!(checked(&chain(63)), Ok(()));
        assert_eq!(checked(&chain(64)), Err(code::TOO_COMPLEX));
        assert_eq!(checked(&chain(490)), Err(code::TOO_COMPLEX));
        // Priced by the time that it is spread further down.
        let below = format!("{{ ...f1 {} ...f1 {} }}", "...{".repeat(60), "}".repeat(60));
        let known = chain(40).replacen("{ ...f1 }", &below, 1);
        assert_eq!(checked(&known), Err(code::TOO_COMPLEX));
    }

    #[test]
    fn fragment_within_itself_is_refused() {
        let text = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
        assert_eq!(checked(text), Err(code::TOO_COMPLEX));
    }

    #[test]
    fn limits_are_the_last_that_is_taken() {
        let limits = DocumentLimits {
            fields: 4,
            depth: 2,
            aliases: 1,
            root_fields: 3,
            directives: 2,
            definitions: 2,
            ..DocumentLimits::default()
        };
        for (good, bad) in [
            ("{ a b c { d } }", "{ a b c { d e } }"),
            ("{ a { b } }", "{ a { b { c } } }"),
            ("{ x: a b }", "{ x: a y: b }"),
            ("{ a b c c }", "{ a b c d }"),
            ("{ a @x @y }", "query @z { a @x @y }"),
            ("{ ...f } fragment f on Q { a }", "query p { a } query q { a } query r { a }"),
            ("{ ...f ...f } fragment f on Q { a }", "{ ...f ...f ...f } fragment f on Q { a }"),
            ("{ a }", "{ a } fragment f on Q { a b c d }"),
        ] {
            assert_eq!(checked_within(good, &limits), Ok(()), "{good}");
            assert_eq!(checked_within(bad, &limits), Err(code::TOO_COMPLEX), "{bad}");
        }
    }
}
