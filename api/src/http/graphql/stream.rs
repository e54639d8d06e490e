//! GraphQL over server-sent events, in distinct connections mode: `/graphql/stream`.
//!
//! Implements <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>, with one operation
//! per connection. An event's `id` is its cursor, so that a client that reconnects with
//! `Last-Event-ID`, as browsers do by themselves, resumes where it was. If a stream ends without
//! `complete`, the client should reconnect.

use std::{convert::Infallible, sync::Arc};

use async_graphql::{Response as Answer, ServerError};
use axum::{
    Extension, extract,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use daybook_service::{Error, Viewer};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::{accept::Accept, incoming, method_not_allowed, no_viewer};
use crate::{
    graphql::{code, take_cursor},
    http::{
        credential, errors,
        operation::{self, Client},
        parameters::Parameters,
        request::Correlation,
        state::State,
    },
};

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `POST /graphql/stream`.
pub(in crate::http) async fn post(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    request: extract::Request,
) -> Response {
    let headers = request.headers().clone();
    let client = Client::of(&state, &headers, &correlation).await;
    let sender = Client::sender(client.as_ref().ok(), &correlation);
    match incoming::from_body(&state, &sender, request).await {
        Ok(parameters) => serve(&state, client, &headers, parameters, &Method::POST),
        Err(malformed) => Accept::of(&headers).malformed(&malformed),
    }
}

/// `GET /graphql/stream`, the only method that a browser's `EventSource` can use.
pub(in crate::http) async fn get(
    extract::State(state): extract::State<State>,
    Extension(correlation): Extension<Correlation>,
    url: Uri,
    headers: HeaderMap,
) -> Response {
    let accept = Accept::of(&headers);
    let client = Client::of(&state, &headers, &correlation).await;
    let sender = Client::sender(client.as_ref().ok(), &correlation);
    match incoming::from_url(&state, &sender, &url).await {
        Ok(Some(parameters)) => serve(&state, client, &headers, parameters, &Method::GET),
        Ok(None) => {
            let message = "The parameter `query` is missing";
            accept.error(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message)
        }
        Err(malformed) => accept.malformed(&malformed),
    }
}

fn serve(
    state: &State,
    client: Result<Client, Error>,
    headers: &HeaderMap,
    parameters: Parameters,
    method: &Method,
) -> Response {
    let accept = Accept::of(headers);
    if !takes_events(headers) {
        let message =
            "This endpoint returns only text/event-stream; send `Accept: text/event-stream`";
        return accept.error(StatusCode::NOT_ACCEPTABLE, code::BAD_USER_INPUT, message);
    }
    let client = match client {
        Ok(client) => client,
        Err(error) => return no_viewer(accept, &error),
    };
    if let Err(too_many) = operation::admit(state, &client) {
        return accept.refuse(errors::too_many(too_many));
    }
    let document = match operation::document(state, &parameters) {
        Ok(document) => document,
        Err(errors) => return answer(state, refused(errors)),
    };
    let name = parameters.operation_name.as_deref();
    if method == Method::GET && document.may_change(name) {
        return method_not_allowed(accept, "GET does not accept mutations; use POST", "POST");
    }
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let last = last.filter(|id| !id.is_empty());
    match operation::resume(state, &client, &document, parameters, last) {
        Ok(operation) => {
            answer(state, events(state, client.viewer.as_ref(), operation.stream(state)))
        }
        Err(errors) => answer(state, refused(errors)),
    }
}

fn takes_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = values
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    ranges.any(|range| range == EVENT_STREAM)
}

/// Turns an operation's responses into events, followed by `complete` when the operation itself ends.
fn events<S: Stream<Item = operation::Answer> + Send + 'static>(
    state: &State,
    viewer: Option<&Viewer>,
    answers: S,
) -> impl Stream<Item = Event> + Send + use<S> {
    let ended = credential::end(Arc::clone(&state.instance), viewer.cloned());
    let stopping = state.instance.stopping.clone();
    // No `complete` if the process stops or the credential ends, since a client that received it would
    // not reconnect for the rest.
    let is_over = {
        let stopping = stopping.clone();
        async move {
            tokio::select! {
                () = ended => {}
                () = stopping.cancelled() => {}
            }
        }
    };
    let complete = stream::once(async move {
        let event = (!stopping.is_cancelled()).then(complete);
        stream::iter(event)
    });
    answers.map(next).chain(complete.flatten()).take_until(Box::pin(is_over))
}

/// Events of an operation that is not executed. Sent as events because clients can't read the body of an error.
fn refused(errors: Vec<ServerError>) -> impl Stream<Item = Event> + Send + 'static {
    let response = Answer::from_errors(errors);
    stream::iter([next(operation::Answer { response, part: None }), complete()])
}

fn next(answer: operation::Answer) -> Event {
    let operation::Answer { response: mut answer, part: _part } = answer;
    let cursor = take_cursor(&mut answer);
    let data = if errors::is_refusal(&answer) {
        serde_json::json!({ "errors": answer.errors }).to_string()
    } else {
        serde_json::to_string(&answer).unwrap_or_else(|error| {
            tracing::error!(%error, "failed to serialize a response");
            let error =
                errors::error(code::INTERNAL, "Internal error; the server's log has the details");
            serde_json::json!({ "errors": [error] }).to_string()
        })
    };
    let event = Event::default().event("next").data(data);
    // An event's ID can't contain line breaks. A cursor has none.
    match cursor.filter(|cursor| !cursor.contains(['\n', '\r', '\0'])) {
        Some(cursor) => event.id(cursor),
        None => event,
    }
}

fn complete() -> Event {
    // Browsers ignore an event without data.
    Event::default().event("complete").data("")
}

fn answer(state: &State, events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let heartbeat = KeepAlive::new().interval(state.stream_heartbeat);
    let mut response =
        Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(heartbeat).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Without this header nginx buffers events.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
