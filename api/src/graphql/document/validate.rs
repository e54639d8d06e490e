//! Validation according to the specification (GraphQL, section 5), by apollo-compiler.
//!
//! The validation of async-graphql accepts conflicting fields, wrong types of variables, and null for
//! non-null types. The differences between apollo-compiler and graphql-js are corrected here and in
//! [`super::values`]; tests send the same table of requests to both to find the differences.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Schema,
    ast::{DirectiveList, FieldDefinition},
    executable::{Selection, SelectionSet},
    name,
    schema::{Component, ExtendedType},
    ty,
    validation::{DiagnosticList, Valid},
};

use super::{
    refusal::{self, MAX_REFUSALS, Refusal},
    values,
};

/// Returns the schema in `sdl`, to validate documents against. Adds the introspection field
/// `isOneOf`, which apollo-compiler lacks.
///
/// # Errors
/// The errors in `sdl`.
pub(super) fn schema(sdl: &str) -> Result<Valid<Schema>, DiagnosticList> {
    let mut schema = Schema::parse(sdl, "schema.graphql").map_err(|invalid| invalid.errors)?;
    if let Some(ExtendedType::Object(of_types)) = schema.types.get_mut("__Type") {
        let is_one_of = FieldDefinition {
            description: None,
            name: name!("isOneOf"),
            arguments: Vec::new(),
            ty: ty!(Boolean),
            directives: DirectiveList::default(),
        };
        of_types.make_mut().fields.insert(name!("isOneOf"), Component::new(is_one_of));
    }
    schema.validate().map_err(|invalid| invalid.errors)
}

/// Returns `text` as a document that satisfies every rule.
///
/// # Errors
/// The rules that the document breaks, with their positions.
pub(super) fn validate(
    schema: &Valid<Schema>,
    text: &str,
) -> Result<Valid<ExecutableDocument>, Vec<Refusal>> {
    let document = match ExecutableDocument::parse_and_validate(schema, text, "document") {
        Ok(document) => document,
        Err(invalid) => {
            let told = invalid.errors.iter().map(|error| error.to_json());
            let told: Vec<_> = told
                .filter(|error| !is_one_field_after_all(&error.message, &invalid.partial))
                .take(MAX_REFUSALS)
                .map(|error| {
                    Refusal::invalid(error.message, error.locations.first().map(refusal::position))
                })
                .collect();
            if !told.is_empty() {
                return Err(told);
            }
            Valid::assume_valid(invalid.partial)
        }
    };
    let found = values::check(schema, &document);
    if found.is_empty() { Ok(document) } else { Err(found) }
}

/// Returns true if apollo-compiler's error is about a subscription's second root field that repeats
/// the first one. Fields count by their response names (section 5.2.4.1), so this is not an error.
fn is_one_field_after_all(message: &str, document: &ExecutableDocument) -> bool {
    message.ends_with("subscription can only have one root field")
        && document.operations.iter().filter(|operation| operation.is_subscription()).all(
            |operation| {
                let (mut keys, mut seen) = (HashSet::new(), HashSet::new());
                add_keys(document, &operation.selection_set, &mut keys, &mut seen);
                keys.len() == 1
            },
        )
}

fn add_keys<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    keys: &mut HashSet<&'a str>,
    seen: &mut HashSet<&'a str>,
) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => {
                keys.insert(field.response_key());
            }
            Selection::InlineFragment(fragment) => {
                add_keys(document, &fragment.selection_set, keys, seen);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.fragment_name)
                    && seen.insert(&spread.fragment_name)
                {
                    add_keys(document, &fragment.selection_set, keys, seen);
                }
            }
        }
    }
}
