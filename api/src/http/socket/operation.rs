//! Turns one operation into a stream of events.

use async_graphql::{ServerError, parser::types::OperationType};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::http::{
    errors,
    operation::{self, Answer, Client},
    parameters::Parameters,
    state::State,
};

/// Event of an operation.
pub(super) enum Event {
    Next(Box<Answer>),
    /// The operation was not executed.
    Refused(Vec<ServerError>),
    Completed,
}

/// An operation that runs as its events are polled.
pub(super) struct Operation {
    /// True for subscriptions, which have any number of events.
    pub(super) is_stream: bool,
    pub(super) events: BoxStream<'static, Event>,
}

/// Starts the operation that `parameters` name.
pub(super) fn begin(state: &State, client: &Client, parameters: Parameters) -> Operation {
    let operation = operation::admit(state, client)
        .map_err(errors::too_many)
        .and_then(|_| operation::document(state, &parameters))
        .and_then(|document| operation::prepare(state, client, &document, parameters));
    let operation = match operation {
        Ok(operation) => operation,
        Err(errors) => return refused(errors),
    };
    let is_stream = operation.kind == OperationType::Subscription;
    let events = operation.stream(state).map(|answer| {
        if errors::is_refusal(&answer.response) {
            Event::Refused(answer.response.errors)
        } else {
            Event::Next(Box::new(answer))
        }
    });
    Operation { is_stream, events: events.chain(stream::iter([Event::Completed])).boxed() }
}

/// Operation that only reports why it is not executed.
pub(super) fn refused(errors: Vec<ServerError>) -> Operation {
    Operation { is_stream: false, events: stream::iter([Event::Refused(errors)]).boxed() }
}
