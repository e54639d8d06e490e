//! Subscriptions whose events always have a cursor, and which continue after one.
//!
//! Over server-sent events, a client that reconnects has only the `id` of the last event. Therefore
//! the cursor is selected in addition to the client's selection and sent as the `id`. When the client
//! reconnects with it, it becomes the argument `after` of the subscription.

use apollo_compiler::{Schema, schema::ExtendedType, validation::Valid};
use async_graphql::{
    Name, Positioned, Response, Value,
    parser::types::{DocumentOperations, ExecutableDocument, Field, Selection, SelectionSet},
};

/// The alias under which the cursor is selected. Clients can't use it, because the specification
/// reserves names with two leading underscores.
const ALIAS: &str = "__daybookCursor";

/// Selects the cursor in every root field of a subscription that has one, and lets the field
/// continue after the cursor `after`.
pub(super) fn prepare(
    schema: &Valid<Schema>,
    document: &mut ExecutableDocument,
    after: Option<&str>,
) {
    let prepare = |set: &mut SelectionSet| prepare_set(schema, set, after);
    // A root field can be in a fragment on the root type.
    for fragment in document.fragments.values_mut() {
        if Some(fragment.node.type_condition.node.on.node.as_str()) == root(schema) {
            prepare(&mut fragment.node.selection_set.node);
        }
    }
    if let DocumentOperations::Single(operation) = &mut document.operations {
        prepare(&mut operation.node.selection_set.node);
    }
}

fn root(schema: &Valid<Schema>) -> Option<&str> {
    schema.schema_definition.subscription.as_ref().map(|name| name.as_str())
}

fn prepare_set(schema: &Valid<Schema>, set: &mut SelectionSet, after: Option<&str>) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) if is_resumable(schema, &field.node.name.node) => {
                prepare_field(field, after);
            }
            Selection::InlineFragment(fragment) => {
                prepare_set(schema, &mut fragment.node.selection_set.node, after);
            }
            Selection::Field(_) | Selection::FragmentSpread(_) => {}
        }
    }
}

/// Returns true if a field of the subscription type takes and returns a cursor.
fn is_resumable(schema: &Valid<Schema>, name: &str) -> bool {
    let Some(ExtendedType::Object(subscription)) =
        root(schema).and_then(|root| schema.types.get(root))
    else {
        return false;
    };
    let Some(field) = subscription.fields.get(name) else { return false };
    let of = schema.types.get(field.ty.inner_named_type());
    let gives_cursor =
        matches!(of, Some(ExtendedType::Object(of)) if of.fields.contains_key("cursor"));
    gives_cursor && field.argument_by_name("after").is_some()
}

fn prepare_field(field: &mut Positioned<Field>, after: Option<&str>) {
    let pos = field.pos;
    let name = |text| Positioned::new(Name::new(text), pos);
    let cursor = Field {
        alias: Some(name(ALIAS)),
        name: name("cursor"),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet::default(), pos),
    };
    let selected = Positioned::new(Selection::Field(Positioned::new(cursor, pos)), pos);
    field.node.selection_set.node.items.push(selected);
    if let Some(after) = after {
        field.node.arguments.retain(|(argument, _)| argument.node != "after");
        let value = async_graphql_value::Value::String(after.to_owned());
        field.node.arguments.push((name("after"), Positioned::new(value, pos)));
    }
}

/// Removes the cursor from an answer and returns it.
pub fn take_cursor(response: &mut Response) -> Option<String> {
    let Value::Object(data) = &mut response.data else { return None };
    let mut cursors = data.values_mut().filter_map(|field| match field {
        Value::Object(field) => field.shift_remove(ALIAS),
        _ => None,
    });
    match cursors.next() {
        Some(Value::String(cursor)) => Some(cursor),
        Some(_) | None => None,
    }
}
