//! GraphQL over WebSocket: the graphql-transport-ws protocol and no other.
//!
//! Implements <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>. One task per
//! connection reads messages, takes the events of its operations in turn, and sends one message at a
//! time within a time limit. A client that doesn't read is dropped; nothing is buffered for it.

mod connection;
mod message;
mod operation;
mod operations;
mod sender;

use axum::{
    extract::{self, WebSocketUpgrade, ws::WebSocket},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};

use super::{
    credential::{self, Refusal},
    problem::Problem,
    request::Correlation,
    state::State,
};
use connection::Connection;

const SUBPROTOCOL: &str = "graphql-transport-ws";
/// Size of a connection's buffers, in bytes. Small, since thousands of idle connections may be open.
const BUFFER_BYTES: usize = 8 * 1024;

/// Checks that pages of the request's origin may open a WebSocket. Responds with 204, or with the problem
/// that an upgrade would get, since browsers hide from a page why a WebSocket was refused.
pub(super) async fn check_origin(
    extract::State(state): extract::State<State>,
    headers: HeaderMap,
) -> Response {
    match state.origins.check(&headers) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// Answers an upgrade request.
pub(super) async fn accept(
    state: State,
    correlation: Correlation,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(problem) = state.origins.check(headers) {
        return problem.into_response();
    }
    // Clients other than browsers may already send the credential here.
    let viewer = match credential::from_headers(&state.instance, headers, &correlation).await {
        Ok(viewer) => viewer,
        Err(error) => {
            let refusal = Refusal::of(&error);
            let Refusal { status, code, message, .. } = &refusal;
            let problem = Problem { status: *status, code, detail: message.clone().into() };
            return refusal.with_header(problem.into_response());
        }
    };
    let longest = state.server_limits.fixed.socket_message_bytes;
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(longest)
        .max_frame_size(longest)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES);
    upgrade.on_upgrade(async move |socket: WebSocket| {
        let _open = state.instance.metrics.socket();
        let tasks = state.instance.tasks.clone();
        let is_known = socket.protocol().is_some_and(|protocol| protocol == SUBPROTOCOL);
        let connection = Connection::new(state, correlation, viewer);
        // Tracked, so that a shutdown waits until the close frame is sent.
        let served = tasks.spawn(async move { connection.serve(socket, is_known).await });
        // The client has received the reason, and nobody else needs it.
        let _ = served.await;
    })
}
