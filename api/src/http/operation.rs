//! From a request's parameters to an operation that can be run, the same for every transport.

use std::sync::Arc;

use async_graphql::{Request, Response, ServerError, parser::types::OperationType};
use daybook_service::Viewer;
use futures::Stream;

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

/// Whether all that `document` and `operation_name` may mean are queries.
pub(super) fn is_query(document: &Document, operation_name: Option<&str>) -> bool {
    document.kinds(operation_name).all(|kind| kind == OperationType::Query)
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
    let request = request.map_err(errors::all)?.data(Caller(viewer)).data(BodyAllowance::default());
    // There is exactly one, or there would be no request.
    let kind = document.kinds(name).next().unwrap_or(OperationType::Query);
    Ok(Operation { kind, request })
}

impl Operation {
    /// Runs it to its answer.
    pub(super) async fn run(self, state: &State) -> Response {
        let mut response = state.schema.execute(self.request).await;
        errors::bound(&mut response.errors);
        response
    }

    /// Runs it as far as its answers are taken; a query or mutation has one.
    pub(super) fn stream(self, state: &State) -> impl Stream<Item = Response> + Send + 'static {
        use futures::StreamExt;
        state.schema.execute_stream(self.request).map(|mut response| {
            errors::bound(&mut response.errors);
            response
        })
    }
}
