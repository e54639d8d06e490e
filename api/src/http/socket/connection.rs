//! State and main loop of one WebSocket connection.

use std::{sync::Arc, time::Duration};

use async_graphql::ServerError;
use axum::extract::ws::{Message, WebSocket};
use daybook_service::{Error, Viewer};
use futures::{FutureExt, Stream, StreamExt, future::BoxFuture};
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::{
    message::{ClientMessage, Close, End, Named, ServerMessage},
    operation::{self, Event},
    operations::{Delivery, Operations, Panicked},
    sender::Sender,
};
use crate::{
    graphql::code,
    http::{
        body_limits::Credential, credential, errors, json, operation::Client,
        parameters::Parameters, request::Correlation, state::State,
    },
};

/// Number of unanswered pings after which the connection is closed.
const MAX_UNANSWERED_PINGS: u32 = 3;
/// Maximum duration of the closing handshake.
const CLOSING_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of operations that run at once on one WebSocket. A page watches a few things; a client that
/// needs more opens another connection.
const MAX_SOCKET_OPERATIONS: usize = 100;
/// Memory for the messages of running operations, as a multiple of the longest message.
const MAX_HELD_MESSAGES: usize = 2;

pub(super) struct Connection {
    state: State,
    correlation: Correlation,
    viewer: Option<Viewer>,
    /// Resolves when the credential is no longer valid.
    ended: BoxFuture<'static, ()>,
    is_acknowledged: bool,
    operations: Operations,
    /// Pings sent since the client was last known to be alive.
    pings: u32,
}

impl Connection {
    pub(super) fn new(state: State, correlation: Correlation, viewer: Option<Viewer>) -> Self {
        let ended = credential::end(Arc::clone(&state.instance), viewer.clone()).boxed();
        let operations = Operations::new();
        let is_acknowledged = false;
        Self { state, correlation, viewer, ended, is_acknowledged, operations, pings: 0 }
    }

    /// Serves the connection until it ends.
    pub(super) async fn serve(mut self, socket: WebSocket, is_known_protocol: bool) {
        let (sink, mut receiver) = socket.split();
        let mut sender = Sender::new(sink);
        let stopping = self.state.instance.stopping.clone();
        let end = if is_known_protocol {
            tokio::select! {
                // Outside of the loop, so that stopping does not wait for a client that doesn't read.
                () = stopping.cancelled() => Some(Close::restarting()),
                end = self.run(&mut sender, &mut receiver) => end,
            }
        } else {
            Some(Close::no_protocol())
        };
        // Operations end before the close frame is sent, so that nothing is delivered after it.
        drop(self);
        if let Some(close) = end {
            sender.close(close).await;
        }
        // Reads until the closing handshake is complete: a connection that is dropped with unread data
        // is reset, and the client loses the reason.
        let parting = async { while let Some(Ok(_)) = receiver.next().await {} };
        let _ = timeout(CLOSING_HANDSHAKE_TIMEOUT, parting).await;
    }

    async fn run(
        &mut self,
        sender: &mut Sender,
        receiver: &mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
    ) -> End {
        let init_deadline = Instant::now() + self.state.server_limits.fixed.socket_init_timeout;
        // An interval must not be zero.
        let period = self.state.server_limits.fixed.socket_ping.max(Duration::from_millis(10));
        let mut ping = tokio::time::interval_at(Instant::now() + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let end = tokio::select! {
                () = tokio::time::sleep_until(init_deadline), if !self.is_acknowledged => {
                    return Some(Close::init_timeout());
                }
                () = &mut self.ended => return Some(Close::forbidden()),
                message = receiver.next() => match message {
                    Some(Ok(message)) => self.receive(sender, message).await,
                    // The message is too long or violates the WebSocket protocol.
                    Some(Err(_)) => return Some(Close::bad_message()),
                    None => return None,
                },
                delivery = self.operations.next() => match delivery {
                    Ok(delivery) => self.deliver(sender, delivery).await,
                    Err(Panicked) => return Some(Close::internal_error()),
                },
                _ = ping.tick() => self.ping(sender).await,
            };
            if let Err(end) = end {
                return end;
            }
        }
    }

    async fn receive(&mut self, sender: &mut Sender, message: Message) -> Result<(), End> {
        self.pings = 0;
        let text = match message {
            Message::Text(text) => text,
            // The WebSocket layer answers pings itself.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(None),
            Message::Binary(_) => return Err(Some(Close::bad_message())),
        };
        let measure = json::measure(text.as_bytes());
        let client = Client { viewer: self.viewer.clone(), address: self.correlation.address };
        let credential = if client.viewer.is_some() { Credential::Held } else { Credential::None };
        if let Err(message) = measure.check(credential) {
            return self.refuse_message(&text, errors::error(code::BAD_USER_INPUT, &message));
        }
        let held = match self.state.budget.values(&client.rate_limit_key(), measure).await {
            Ok(held) => held,
            Err(too_many) => {
                let mut refusals = errors::too_many(too_many);
                return self.refuse_message(&text, refusals.remove(0));
            }
        };
        let message = ClientMessage::read(&text).map_err(|_| Some(Close::bad_message()))?;
        match message {
            ClientMessage::ConnectionInit { payload } => {
                self.init(payload).await?;
                sender.send(&ServerMessage::ConnectionAck).await
            }
            ClientMessage::Ping => sender.send(&ServerMessage::Pong).await,
            ClientMessage::Pong => Ok(()),
            ClientMessage::Subscribe { id, payload } => {
                let payload = Parameters { held: Some(held), ..payload };
                self.subscribe(id, payload, text.len())
            }
            ClientMessage::Complete { id } => {
                self.operations.end(&id);
                Ok(())
            }
        }
    }

    /// Refuses the operation of a message, of which only the ID is parsed.
    fn refuse_message(&mut self, text: &str, error: ServerError) -> Result<(), End> {
        let named = serde_json::from_str::<Named>(text).map_err(|_| Some(Close::bad_message()))?;
        if !self.is_acknowledged {
            return Err(Some(Close::unauthorized()));
        }
        if self.operations.contains(&named.id) {
            return Err(Some(Close::duplicate(&named.id)));
        }
        let operation = operation::refused(vec![error]);
        self.operations.begin(&self.state.instance, named.id, operation, 0);
        Ok(())
    }

    async fn init(
        &mut self,
        payload: Option<serde_json::Map<String, serde_json::Value>>,
    ) -> Result<(), End> {
        if self.is_acknowledged {
            return Err(Some(Close::too_many_inits()));
        }
        let payload = payload.unwrap_or_default();
        // GraphiQL sends its headers here, with names in the case in which users typed them.
        let is_credential = |name: &str| name.eq_ignore_ascii_case("authorization");
        let mut entries = payload.iter().filter(|(name, _)| is_credential(name));
        let entry = entries.next();
        if entries.next().is_some() {
            return Err(Some(Close::two_credentials()));
        }
        if let Some((_, value)) = entry {
            let value = value.as_str().ok_or(Some(Close::forbidden()))?;
            let instance = &self.state.instance;
            let viewer = credential::from_authorization(instance, value, &self.correlation).await;
            let viewer = viewer.map_err(|error| match error {
                Error::Fault(fault) => {
                    tracing::error!(error = %fault, "failed to verify credential");
                    Some(Close::internal_error())
                }
                Error::Unavailable { .. } => Some(Close::try_again_later()),
                Error::Unauthenticated(_) | Error::Forbidden(_) | Error::Refused(_) => {
                    Some(Close::forbidden())
                }
            })?;
            self.ended = credential::end(Arc::clone(instance), Some(viewer.clone())).boxed();
            self.viewer = Some(viewer);
        }
        self.is_acknowledged = true;
        Ok(())
    }

    fn subscribe(&mut self, id: String, payload: Parameters, bytes: usize) -> Result<(), End> {
        if !self.is_acknowledged {
            return Err(Some(Close::unauthorized()));
        }
        if self.operations.contains(&id) {
            return Err(Some(Close::duplicate(&id)));
        }
        let most_bytes = MAX_HELD_MESSAGES * self.state.server_limits.fixed.socket_message_bytes;
        let refusal = if self.operations.len() >= MAX_SOCKET_OPERATIONS {
            Some(format!(
                "At most {MAX_SOCKET_OPERATIONS} operations can run at once on one connection"
            ))
        } else if self.operations.bytes() + bytes > most_bytes {
            Some(format!(
                "The operations that run at once on one connection can have at most {most_bytes} bytes"
            ))
        } else {
            None
        };
        let operation = match refusal {
            Some(message) => operation::refused(vec![errors::error(code::RATE_LIMITED, &message)]),
            None => {
                let address = self.correlation.address;
                let client = Client { viewer: self.viewer.clone(), address };
                operation::begin(&self.state, &client, payload)
            }
        };
        self.operations.begin(&self.state.instance, id, operation, bytes);
        Ok(())
    }

    async fn deliver(&mut self, sender: &mut Sender, delivery: Delivery) -> Result<(), End> {
        let (number, id, event) = delivery;
        if !self.operations.is_current(&id, number) {
            return Ok(());
        }
        match event {
            Event::Next(answer) => {
                sender.send(&ServerMessage::Next { id: &id, payload: &answer.response }).await
            }
            Event::Refused(errors) => {
                self.operations.end(&id);
                sender.send(&ServerMessage::Error { id: &id, payload: &errors }).await
            }
            Event::Completed => {
                self.operations.end(&id);
                sender.send(&ServerMessage::Complete { id: &id }).await
            }
        }
    }

    /// Sends a ping, or ends the connection if too many went unanswered. A client that reads is alive,
    /// even if it has not reached the ping yet.
    async fn ping(&mut self, sender: &mut Sender) -> Result<(), End> {
        if sender.has_read() {
            self.pings = 0;
        }
        if self.pings >= MAX_UNANSWERED_PINGS {
            return Err(None);
        }
        self.pings += 1;
        sender.ping().await
    }
}
