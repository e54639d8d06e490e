//! From the text of a document to an operation that may be run.
//!
//! A document is measured before it is parsed, sized before it is validated, validated according to
//! the specification, and cached. The variables of an operation are coerced to their types. The
//! executor runs the result without further checks.

mod cache;
mod checked;
mod coerce;
mod cost;
mod escapes;
mod given;
mod measure;
mod refusal;
mod resume;
mod size;
mod validate;
mod values;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use apollo_compiler::{Schema, validation::Valid};
use async_graphql::{
    Pos, Request,
    parser::{
        self,
        types::{DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet},
    },
};
use async_graphql_value::Value;
use sha2::{Digest, Sha256};

use crate::{config::DocumentLimits, graphql::error::code};
use cache::Cache;
pub use checked::Document;
pub use given::GivenVariables;
pub use refusal::Refusal;
pub use resume::take_cursor;

/// Validates documents against the schema and limits, and caches them.
pub struct Documents {
    schema: Valid<Schema>,
    limits: DocumentLimits,
    cache: Mutex<Cache>,
}

impl Documents {
    /// Creates a validator for the schema in `sdl`, which must be valid.
    ///
    /// # Panics
    /// If the schema is not valid.
    #[must_use]
    pub fn new(sdl: &str, limits: DocumentLimits) -> Self {
        let schema = validate::schema(sdl)
            .unwrap_or_else(|errors| panic!("the printed schema is not valid: {errors}"));
        Self { schema, limits, cache: Mutex::default() }
    }

    /// Returns `text` as a document, from the cache if it was validated before.
    ///
    /// # Errors
    /// A document that can't be parsed, breaks a rule or exceeds a limit.
    pub fn get(&self, text: &str) -> Result<Arc<Document>, Vec<Refusal>> {
        measure::measure(text, &self.limits).map_err(|refusal| vec![refusal])?;
        let hash = Sha256::digest(text).into();
        if let Some(known) = self.cache().get(&hash) {
            return Ok(known);
        }
        // Done without the lock: it can take milliseconds, and doing it twice is harmless.
        let text = &*escapes::write_out(text);
        let executable = parse(text).map_err(|refusal| vec![refusal])?;
        size::check(&executable, &self.limits).map_err(|refusal| vec![refusal])?;
        let typed = validate::validate(&self.schema, text)?;
        let document = Arc::new(Document { executable, typed, bytes: text.len() });
        self.cache().insert(hash, Arc::clone(&document));
        Ok(document)
    }

    /// Returns the named operation of `document` with its variables as an executable request.
    ///
    /// # Errors
    /// No such operation, or several operations without a name; invalid variables.
    pub fn request(
        &self,
        document: &Document,
        operation_name: Option<&str>,
        variables: &GivenVariables,
    ) -> Result<Request, Vec<Refusal>> {
        let (request, executable) = self.executable(document, operation_name, variables)?;
        Ok(with_document(request, executable))
    }

    /// Like [`Documents::request`], but each event of a subscription has a cursor for
    /// [`take_cursor`], and a subscription that supports it continues after the cursor `after`.
    ///
    /// # Errors
    /// Those of [`Documents::request`].
    pub fn resumable_request(
        &self,
        document: &Document,
        operation_name: Option<&str>,
        variables: &GivenVariables,
        after: Option<&str>,
    ) -> Result<Request, Vec<Refusal>> {
        let (request, mut executable) = self.executable(document, operation_name, variables)?;
        if document.kinds(operation_name).all(|kind| kind == OperationType::Subscription) {
            resume::prepare(&self.schema, &mut executable, after);
        }
        Ok(with_document(request, executable))
    }

    fn executable(
        &self,
        document: &Document,
        operation_name: Option<&str>,
        variables: &GivenVariables,
    ) -> Result<(Request, ExecutableDocument), Vec<Refusal>> {
        let no_operation = || vec![no_operation(operation_name)];
        let typed = document.typed.operations.get(operation_name).map_err(|_| no_operation())?;
        let operation = document.operation(operation_name).ok_or_else(no_operation)?;
        let variables = coerce::coerce(&self.schema, typed, variables)?;
        cost::check(&document.typed, typed, &variables, self.limits.cost)
            .map_err(|refusal| vec![refusal])?;
        let declared = typed.variables.iter().map(|variable| variable.name.as_str());
        let absent: HashSet<_> = declared.filter(|name| !variables.contains_key(*name)).collect();
        let mut executable = ExecutableDocument {
            operations: DocumentOperations::Single(operation.clone()),
            fragments: document.executable.fragments.clone(),
        };
        if !absent.is_empty() {
            leave_out(&mut executable, &absent);
        }
        Ok((Request::new("").variables(variables), executable))
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_document(mut request: Request, document: ExecutableDocument) -> Request {
    request.set_parsed_query(document);
    request
}

fn parse(text: &str) -> Result<ExecutableDocument, Refusal> {
    parser::parse_query(text).map_err(|error| {
        let location = match &error {
            parser::Error::Syntax { start, .. } => Some(*start),
            _ => error.positions().next(),
        };
        let place =
            location.map(|Pos { line, column }| format!(" at line {line}, column {column}"));
        // The parser's own message repeats the document.
        let message = match error {
            parser::Error::Syntax { .. } => "Syntax error".to_owned(),
            other => other.to_string(),
        };
        let message = format!("{message}{}", place.unwrap_or_default());
        Refusal { code: code::PARSE_FAILED, message, location }
    })
}

fn no_operation(name: Option<&str>) -> Refusal {
    let message = match name {
        Some(name) => format!("Unknown operation named \"{name}\"."),
        None => "Must provide operation name if query contains multiple operations.".to_owned(),
    };
    Refusal { code: code::BAD_USER_INPUT, message, location: None }
}

/// Removes arguments and input fields from `document` whose variable has no value, so that their
/// defaults apply (GraphQL, section 6.4.1). async-graphql takes such a variable for null.
fn leave_out(document: &mut ExecutableDocument, absent: &HashSet<&str>) {
    let fragments = document.fragments.values_mut().map(|it| &mut it.node.selection_set.node);
    for set in fragments {
        leave_out_of(set, absent);
    }
    if let DocumentOperations::Single(operation) = &mut document.operations {
        leave_out_of(&mut operation.node.selection_set.node, absent);
    }
}

fn leave_out_of(set: &mut SelectionSet, absent: &HashSet<&str>) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                field.node.arguments.retain_mut(|(_, value)| is_kept(&mut value.node, absent));
                leave_out_of(&mut field.node.selection_set.node, absent);
            }
            Selection::InlineFragment(fragment) => {
                leave_out_of(&mut fragment.node.selection_set.node, absent);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Returns false for a variable without a value. Removes such variables from the fields of objects.
fn is_kept(value: &mut Value, absent: &HashSet<&str>) -> bool {
    match value {
        Value::Variable(name) => return !absent.contains(name.as_str()),
        Value::Object(fields) => fields.retain(|_, value| is_kept(value, absent)),
        // An item of a list has no default, so it is null.
        Value::List(values) => values.iter_mut().for_each(|value| {
            is_kept(value, absent);
        }),
        Value::Null
        | Value::Number(_)
        | Value::String(_)
        | Value::Boolean(_)
        | Value::Binary(_)
        | Value::Enum(_) => {}
    }
    true
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn documents() -> Documents {
        Documents::new(&crate::graphql::sdl(), DocumentLimits::default())
    }

    pub(super) fn document(text: &str) -> Document {
        Arc::into_inner(
            Documents::new(&crate::graphql::sdl(), DocumentLimits::default()).fresh(text),
        )
        .expect("nobody else has it")
    }

    impl Documents {
        fn fresh(self, text: &str) -> Arc<Document> {
            let document = self.get(text).unwrap_or_else(|refusals| panic!("{refusals:?}"));
            drop(self);
            document
        }
    }

    #[test]
    fn text_is_validated_once() {
        let documents = documents();
        let [first, second] = ["{ __typename }"; 2].map(|text| documents.get(text).expect("valid"));
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn absent_variable_leaves_the_default() {
        let documents = documents();
        let text = "query($id: ID!, $order: AuditLogOrder, $actor: String) {
            auditLogs(organizationId: $id, orderBy: $order, filter: { actorId: $actor, action: \"a\" }) { totalCount }
        }";
        let document = documents.get(text).expect("valid");
        let variables = json!({ "id": "x", "actor": null });
        let mut request =
            documents.request(&document, None, &(&variables).into()).expect("variables");
        let text = format!("{:?}", request.parsed_query().expect("a document"));
        assert!(!text.contains("orderBy") && text.contains("actorId"), "{text}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}()\"\\\\#a1 .:$@!|&=,\n-]{0,200}") {
            thread_local!(static DOCUMENTS: Documents = documents());
            let _ = DOCUMENTS.with(|documents| documents.get(&text).map(drop));
        }
    }
}
