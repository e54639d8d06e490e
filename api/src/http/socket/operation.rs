//! One operation: what it has to tell, as a stream of events.

use async_graphql::{Response, ServerError};
use daybook_service::Viewer;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::http::{State, errors, operation, parameters::Parameters};

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
    let operation = match operation::prepare(viewer, parameters) {
        Ok(operation) => operation,
        Err(error) => return refused(error),
    };
    let is_stream = operation.is_subscription();
    let events = state.schema.execute_stream(operation.request).map(|mut response| {
        errors::bound(&mut response.errors);
        if errors::is_refusal(&response) {
            Event::Refused(response.errors)
        } else {
            Event::Next(response)
        }
    });
    Operation { is_stream, events: events.chain(stream::iter([Event::Completed])).boxed() }
}

/// One that is not run.
pub(super) fn refused(error: ServerError) -> Operation {
    Operation { is_stream: false, events: stream::iter([Event::Refused(vec![error])]).boxed() }
}
