//! One operation: what it has to tell, as a stream of events.

use async_graphql::{
    Name, Request, Response, ServerError, Variables,
    parser::types::{ExecutableDocument, OperationType},
};
use daybook_service::Viewer;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{
    graphql::{Caller, parse},
    http::{State, parameters::Parameters},
};

/// What an operation has to tell.
pub(super) enum Event {
    Next(Response),
    /// It was not run at all.
    Refused(Vec<ServerError>),
    Completed,
}

/// An operation that runs as far as its events are taken.
pub(super) struct Operation {
    /// Whether it goes on by itself, as subscriptions do.
    pub(super) is_stream: bool,
    pub(super) events: BoxStream<'static, Event>,
}

/// The operation that `parameters` ask for.
pub(super) fn begin(state: &State, viewer: Option<Viewer>, parameters: Parameters) -> Operation {
    let Parameters { query, operation_name, variables, extensions: _ } = parameters;
    let document = match parse(&query) {
        Ok(document) => document,
        Err(refusal) => return refused(refusal.into()),
    };
    let is_stream = is_subscription(&document, operation_name.as_deref());
    let mut request = Request::new(query).data(Caller(viewer));
    request.operation_name = operation_name;
    let variables = serde_json::Value::Object(variables.unwrap_or_default());
    request = request.variables(Variables::from_json(variables));
    request.set_parsed_query(document);
    let events = state.schema.execute_stream(request).map(|response| {
        if is_refusal(&response) { Event::Refused(response.errors) } else { Event::Next(response) }
    });
    Operation { is_stream, events: events.chain(stream::iter([Event::Completed])).boxed() }
}

/// One that is not run.
pub(super) fn refused(error: ServerError) -> Operation {
    Operation { is_stream: false, events: stream::iter([Event::Refused(vec![error])]).boxed() }
}

/// Whether what would run is a subscription.
fn is_subscription(document: &ExecutableDocument, operation_name: Option<&str>) -> bool {
    let is_meant = |name: Option<&Name>| {
        operation_name.is_none_or(|wanted| name.is_some_and(|name| name.as_str() == wanted))
    };
    document
        .operations
        .iter()
        .any(|(name, operation)| is_meant(name) && operation.node.ty == OperationType::Subscription)
}

/// Whether the operation was not run: the document is invalid, or names no operation.
fn is_refusal(response: &Response) -> bool {
    response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}
