//! What goes out on a connection: one message at a time, with a limit on how long that may take.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures::{SinkExt, stream::SplitSink};
use tokio::time::{Instant, timeout};

use super::{
    End,
    message::{Close, ServerMessage},
};

/// How long sending one message may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);
/// How long saying why a connection ends may take: a client that reads takes it at once.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Who makes the server wait so long, and then takes the message, reads.
const SLOW_SEND: Duration = Duration::from_millis(100);

pub(super) struct Sender {
    sink: SplitSink<WebSocket, Message>,
    /// Whether the client was seen reading since this was last asked.
    has_read: bool,
}

impl Sender {
    pub(super) fn new(sink: SplitSink<WebSocket, Message>) -> Self {
        Self { sink, has_read: false }
    }

    pub(super) async fn send(&mut self, message: &ServerMessage<'_>) -> Result<(), End> {
        let text = serde_json::to_string(message).map_err(|error| {
            tracing::error!(%error, "a message can't be written");
            Some(Close::internal_error())
        })?;
        self.put(Message::Text(text.into())).await
    }

    pub(super) async fn ping(&mut self) -> Result<(), End> {
        self.put(Message::Ping(axum::body::Bytes::new())).await
    }

    /// Says why the connection ends. A client that is gone needs no close frame.
    pub(super) async fn close(&mut self, Close { code, reason }: Close) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
        let _ = timeout(CLOSE_TIMEOUT, self.sink.send(Message::Close(Some(frame)))).await;
    }

    /// Whether the client was seen reading since this was last asked.
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
            // Gone, or not reading.
            Ok(Err(_)) | Err(_) => Err(None),
        }
    }
}
