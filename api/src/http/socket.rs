//! GraphQL over WebSocket: the graphql-transport-ws protocol and no other.
//!
//! <https://github.com/enisdenjo/graphql-ws/blob/master/SUBPROTOCOL.md>. One task a connection: it
//! reads messages, takes what its operations tell in turn, and sends one message at a time with
//! a limit on how long that may take. A client that doesn't read is dropped, not buffered for.

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
    State,
    credential::{self, Refusal},
    problem::Problem,
    request::Correlation,
};
use connection::Connection;
use message::Close;

const SUBPROTOCOL: &str = "graphql-transport-ws";
/// Buffers of one connection, in bytes: thousands of them are open at once, and most are silent.
const BUFFER_BYTES: usize = 8 * 1024;

/// What a connection ends with: nothing more to say, or a close frame.
type End = Option<Close>;

/// Says if pages of the request's origin may open a WebSocket: 204, or the problem that an upgrade
/// would be refused with. Browsers don't show a page why a WebSocket was refused.
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
    // Clients that are no browsers may give the credential here already.
    let viewer = match credential::from_headers(&state.instance, headers, &correlation).await {
        Ok(viewer) => viewer,
        Err(error) => {
            let refusal = Refusal::of(&error);
            let Refusal { status, code, message, .. } = &refusal;
            let problem = Problem { status: *status, code, detail: message.clone().into() };
            return refusal.with_header(problem.into_response());
        }
    };
    let longest = state.server_limits.socket_message_bytes;
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
        // Tracked, so that stopping waits until the client has been told.
        let served = tasks.spawn(async move { connection.serve(socket, is_known).await });
        // Its end has been told to the client; there is nobody else to tell.
        let _ = served.await;
    })
}
