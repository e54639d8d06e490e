//! Sends messages on a connection, one at a time, each within a time limit.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures::{SinkExt, stream::SplitSink};
use tokio::time::{Instant, timeout};

use super::message::{Close, End, ServerMessage};

/// Time within which a message must be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);
/// Time within which the close frame must be sent. Short, since a client that reads takes it at once.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Duration of a send above which the client must have read something for it to succeed.
const SLOW_SEND: Duration = Duration::from_millis(100);

pub(super) struct Sender {
    sink: SplitSink<WebSocket, Message>,
    /// True if the client is known to have read since the last call of [`Self::has_read`].
    has_read: bool,
}

impl Sender {
    pub(super) fn new(sink: SplitSink<WebSocket, Message>) -> Self {
        Self { sink, has_read: false }
    }

    pub(super) async fn send(&mut self, message: &ServerMessage<'_>) -> Result<(), End> {
        let text = serde_json::to_string(message).map_err(|error| {
            tracing::error!(%error, "failed to serialize a message");
            Some(Close::internal_error())
        })?;
        self.put(Message::Text(text.into())).await
    }

    pub(super) async fn ping(&mut self) -> Result<(), End> {
        self.put(Message::Ping(axum::body::Bytes::new())).await
    }

    /// Sends the close frame. Errors are ignored, since a client that is gone does not need it.
    pub(super) async fn close(&mut self, Close { code, reason }: Close) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
        let _ = timeout(CLOSE_TIMEOUT, self.sink.send(Message::Close(Some(frame)))).await;
    }

    /// Returns true if the client is known to have read since the last call.
    pub(super) fn has_read(&mut self) -> bool {
        std::mem::take(&mut self.has_read)
    }

    async fn put(&mut self, message: Message) -> Result<(), End> {
        let began = Instant::now();
        match timeout(SEND_TIMEOUT, self.sink.send(message)).await {
            Ok(Ok(())) => {
                self.has_read |= began.elapsed() >= SLOW_SEND;
                Ok(())
            }
            // The client is gone or does not read.
            Ok(Err(_)) | Err(_) => Err(None),
        }
    }
}
