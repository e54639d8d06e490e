//! Operations made from the schema: each root field with everything below it, and once more for every argument
//! that need not be given.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::FieldDefinition;

use super::{
    schema::{ROOTS, Schema, base},
    writer::Writer,
};

/// An operation on one root field.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// The root field, and what is special.
    pub name: String,
    /// The root field: `Query.node`.
    pub field: String,
    pub document: String,
    /// The things that it names, of [`daybook_tests::fields::Things::variables`].
    pub things: BTreeSet<&'static str>,
    /// Field with pages or events that the attempt's cursor belongs to.
    pub cursor: Option<String>,
    /// Fields that it selects, and arguments that it gives.
    pub selects: BTreeSet<String>,
    pub gives: BTreeSet<String>,
    /// True if the owner doesn't make the attempt, because it leaves out what only an operator may leave
    /// out, or because nothing exists yet.
    pub is_of_strangers: bool,
}

/// Its cursor is of the log's end, the one that goes with any filter.
pub(super) const RECORDED_LATER: &str = "Subscription.auditLogRecorded(filter";

impl Attempt {
    /// True if the attempt names something inside the organization as well as the organization.
    pub(super) fn is_astray(&self) -> bool {
        let is_inside = |thing: &&str| !["organization", "slug", "name"].contains(thing);
        self.things.contains("organization") && self.things.iter().any(is_inside)
    }
}

/// All attempts, and what none could be made for.
pub(super) fn attempts(schema: &Schema) -> (Vec<Attempt>, BTreeSet<String>) {
    let mut attempts = Vec::new();
    let mut unknown = BTreeSet::new();
    for root in ROOTS {
        for field in schema.fields(root) {
            for node in nodes(schema, root, field) {
                attempts.push(write(schema, root, field, Special::Node(node), &mut unknown));
            }
        }
    }
    let plain = attempts.clone();
    for (argument, is_optional_id) in schema.all_arguments() {
        let (of, _) = argument.split_once('(').unwrap();
        let Some(at) = plain.iter().find(|it| it.selects.contains(of)) else { continue };
        let (root, name) = at.field.split_once('.').unwrap();
        let field = schema.fields(root).into_iter().find(|it| it.name.node == name).unwrap();
        if !plain.iter().any(|it| it.gives.contains(&argument)) {
            attempts.push(write(schema, root, field, Special::With(&argument), &mut unknown));
        } else if is_optional_id {
            attempts.push(write(schema, root, field, Special::Without(&argument), &mut unknown));
        }
    }
    (attempts, unknown)
}

/// The kinds of thing that a root field is asked for, one attempt each.
pub(super) fn nodes<'a>(schema: &'a Schema, root: &str, field: &FieldDefinition) -> Vec<&'a str> {
    let takes = |name| field.arguments.iter().any(|it| it.node.name.node == name);
    let of = base(&field.ty.node);
    let is_by_id = root == "Query" && (takes("id") || takes("ids"));
    if is_by_id { schema.possible(of) } else { vec![""] }
}

#[derive(Copy, Clone)]
pub(super) enum Special<'a> {
    /// The ID of a thing of this type.
    Node(&'a str),
    With(&'a str),
    Without(&'a str),
}

fn write(
    schema: &Schema,
    root: &str,
    field: &FieldDefinition,
    special: Special,
    unknown: &mut BTreeSet<String>,
) -> Attempt {
    let path = format!("{root}.{}", field.name.node);
    let mut writer = Writer {
        schema,
        special,
        depth: usize::MAX,
        node: String::new(),
        variables: BTreeMap::new(),
        cursor: None,
        selects: BTreeSet::new(),
        gives: BTreeSet::new(),
        unknown,
    };
    if let Special::With(argument) | Special::Without(argument) = special
        && argument.starts_with(&path)
    {
        writer.depth = 2;
    }
    let (name, is_of_strangers) = match special {
        Special::Node("") => (path.clone(), false),
        Special::Node(node) => {
            node.clone_into(&mut writer.node);
            (format!("{path}: {node}"), false)
        }
        Special::With(argument) => {
            // Some thing that it can be.
            writer.node = nodes(schema, root, field)[0].to_owned();
            (format!("{path}: {argument}"), argument.starts_with(RECORDED_LATER))
        }
        Special::Without(argument) => (format!("{path}: without {argument}"), true),
    };
    let selected = writer.field(root, field, &mut Vec::new(), false);
    let variables: Vec<_> =
        writer.variables.iter().map(|(name, ty)| format!("${name}: {ty}")).collect();
    let variables =
        if variables.is_empty() { String::new() } else { format!("({})", variables.join(", ")) };
    let word = root.to_lowercase();
    let Writer { variables: given, cursor, selects, gives, .. } = writer;
    let things = given.into_keys().filter(|name| *name != "cursor").collect();
    let document = format!("{word} Attempt{variables} {{ {selected} }}");
    Attempt { name, field: path, document, things, cursor, selects, gives, is_of_strangers }
}
