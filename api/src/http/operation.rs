//! From a request's parameters to an operation that can be run, the same for every transport.

use async_graphql::{
    Name, Request, ServerError, Variables,
    parser::types::{ExecutableDocument, OperationType},
};
use daybook_service::Viewer;

use super::parameters::Parameters;
use crate::graphql::{BodyAllowance, Caller, parse};

/// An operation that can be run.
pub(super) struct Operation {
    /// What the executor takes.
    pub(super) request: Request,
    /// Kinds of the operations that may be meant: more than one where the request doesn't say
    /// which, which is for the executor to refuse.
    kinds: Vec<OperationType>,
}

impl Operation {
    /// Whether it changes nothing and ends by itself.
    pub(super) fn is_query(&self) -> bool {
        self.kinds.iter().all(|kind| *kind == OperationType::Query)
    }

    /// Whether it goes on by itself.
    pub(super) fn is_subscription(&self) -> bool {
        self.kinds.contains(&OperationType::Subscription)
    }
}

/// What `parameters` ask for, on behalf of `viewer`.
///
/// # Errors
/// A document that can't be parsed, or is larger than this server takes.
pub(super) fn prepare(
    viewer: Option<Viewer>,
    parameters: Parameters,
) -> Result<Operation, ServerError> {
    let Parameters { query, operation_name, variables, extensions: _ } = parameters;
    let document = parse(&query)?;
    let kinds = kinds(&document, operation_name.as_deref());
    let mut request = Request::new(query).data(Caller(viewer)).data(BodyAllowance::default());
    request.operation_name = operation_name;
    let variables = serde_json::Value::Object(variables.unwrap_or_default());
    request = request.variables(Variables::from_json(variables));
    request.set_parsed_query(document);
    Ok(Operation { request, kinds })
}

fn kinds(document: &ExecutableDocument, operation_name: Option<&str>) -> Vec<OperationType> {
    let is_meant = |name: Option<&Name>| {
        operation_name.is_none_or(|wanted| name.is_some_and(|name| name.as_str() == wanted))
    };
    let meant = document.operations.iter().filter(|(name, _)| is_meant(*name));
    meant.map(|(_, operation)| operation.node.ty).collect()
}
