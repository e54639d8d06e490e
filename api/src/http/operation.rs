//! From a request's parameters to an operation that can be run, the same for every transport.

use std::sync::Arc;

use async_graphql::{Request, Response, ServerError, parser::types::OperationType};
use daybook_service::Viewer;
use futures::{Stream, StreamExt};

use super::{State, errors, parameters::Parameters};
use crate::graphql::{BodyAllowance, Caller, Document};

/// An operation that can be run.
pub(super) struct Operation {
    /// What it is.
    pub(super) kind: OperationType,
    request: Request,
}

/// The document that `parameters` hold.
///
/// # Errors
/// Why it is not run.
pub(super) fn document(
    state: &State,
    parameters: &Parameters,
) -> Result<Arc<Document>, Vec<ServerError>> {
    state.documents.get(&parameters.query).map_err(errors::all)
}

/// What `parameters` ask for, on behalf of `viewer`.
///
/// # Errors
/// Why it is not run.
pub(super) fn prepare(
    state: &State,
    viewer: Option<Viewer>,
    document: &Document,
    parameters: Parameters,
) -> Result<Operation, Vec<ServerError>> {
    let Parameters { query: _, operation_name, variables, extensions: _ } = parameters;
    let name = operation_name.as_deref();
    let request = state.documents.request(document, name, variables.unwrap_or_default());
    Ok(operation(viewer, document, name, request.map_err(errors::all)?))
}

/// The same, whose answers have cursors, to go on `after` one.
///
/// # Errors
/// Why it is not run.
pub(super) fn resume(
    state: &State,
    viewer: Option<Viewer>,
    document: &Document,
    parameters: Parameters,
    after: Option<&str>,
) -> Result<Operation, Vec<ServerError>> {
    let Parameters { query: _, operation_name, variables, extensions: _ } = parameters;
    let name = operation_name.as_deref();
    let variables = variables.unwrap_or_default();
    let request = state.documents.resumable_request(document, name, variables, after);
    Ok(operation(viewer, document, name, request.map_err(errors::all)?))
}

fn operation(
    viewer: Option<Viewer>,
    document: &Document,
    name: Option<&str>,
    request: Request,
) -> Operation {
    // There is exactly one, or there would be no request.
    let kind = document.kinds(name).next().unwrap_or(OperationType::Query);
    let request = request.data(Caller(viewer)).data(BodyAllowance::default());
    Operation { kind, request }
}

impl Operation {
    /// Runs it to its answer.
    pub(super) async fn run(self, state: &State) -> Response {
        let mut response = state.schema.execute(self.request).await;
        errors::bound(&mut response.errors);
        response
    }

    /// Runs it as far as its answers are taken; a query or mutation has one.
    pub(super) fn stream(self, state: &State) -> impl Stream<Item = Response> + Send + use<> {
        state.schema.execute_stream(self.request).map(|mut response| {
            errors::bound(&mut response.errors);
            response
        })
    }
}
