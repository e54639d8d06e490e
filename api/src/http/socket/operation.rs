//! One operation: what it has to tell, as a stream of events.

use async_graphql::{ServerError, parser::types::OperationType};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::http::{
    State, errors,
    operation::{self, Answer, Client},
    parameters::Parameters,
};

/// What an operation has to tell.
pub(super) enum Event {
    Next(Box<Answer>),
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

/// One that is not run.
pub(super) fn refused(errors: Vec<ServerError>) -> Operation {
    Operation { is_stream: false, events: stream::iter([Event::Refused(errors)]).boxed() }
}
