//! One connection: its state, its operations, its loop.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_graphql::ServerError;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use chrono::{DateTime, Utc};
use daybook_service::{Viewer, access::Authority};
use futures::{SinkExt, Stream, StreamExt, stream::SplitSink};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
    time::{Instant, timeout},
};

use super::{
    message::{ClientMessage, Close, ServerMessage},
    operation::{self, Event, Operation},
};
use crate::{
    graphql::code,
    http::{
        State, credential,
        parameters::{Parameters, from_object},
        request::Correlation,
    },
};

/// How long a client may take to say `connection_init`.
const INIT: Duration = Duration::from_secs(10);
/// How often the client is pinged; one that doesn't answer twice is gone.
const PING: Duration = Duration::from_secs(20);
/// How long sending one message may take.
const SEND: Duration = Duration::from_secs(15);
/// How long saying why a connection ends may take: a client that reads takes it at once.
const FAREWELL: Duration = Duration::from_secs(2);
/// Most of them that are queries or mutations under way: so many answers wait for a client at the
/// most.
const TURNS: usize = 4;

type Sender = SplitSink<WebSocket, Message>;

/// What the loop ends with: nothing more to say, or a close frame.
type End = Option<Close>;

pub(super) struct Connection {
    state: State,
    correlation: Correlation,
    viewer: Option<Viewer>,
    is_acknowledged: bool,
    /// Tasks of their own: one that waited here for the client to read would wait with a
    /// connection to the database in hand, and few of them would keep everyone from it.
    operations: JoinSet<()>,
    /// By the client's id: the operation's number, for the id may be given again, and its end.
    running: HashMap<String, (u64, AbortHandle)>,
    started: u64,
    turns: Arc<Semaphore>,
    /// One event at a time, first come, first served: each operation gets its turn.
    outbox: mpsc::Sender<(u64, String, Event)>,
    inbox: mpsc::Receiver<(u64, String, Event)>,
    unanswered_pings: u32,
}

impl Connection {
    pub(super) fn new(state: State, correlation: Correlation, viewer: Option<Viewer>) -> Self {
        let (outbox, inbox) = mpsc::channel(1);
        Self {
            state,
            correlation,
            viewer,
            is_acknowledged: false,
            operations: JoinSet::new(),
            running: HashMap::new(),
            started: 0,
            turns: Arc::new(Semaphore::new(TURNS)),
            outbox,
            inbox,
            unanswered_pings: 0,
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn serve(mut self, socket: WebSocket, is_known_protocol: bool) {
        let (mut sender, mut receiver) = socket.split();
        let stopping = self.state.instance.stopping.clone();
        let end = if is_known_protocol {
            tokio::select! {
                // Around the loop, not in it: stopping does not wait for a client that doesn't read.
                () = stopping.cancelled() => Some(Close::restarting()),
                end = self.run(&mut sender, &mut receiver) => end,
            }
        } else {
            Some(Close::no_protocol())
        };
        // Operations end before the client is told, so that nothing is delivered after.
        drop(self);
        if let Some(Close { code, reason }) = end {
            let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
            // A client that is gone needs no close frame.
            let _ = timeout(FAREWELL, sender.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn run(
        &mut self,
        sender: &mut Sender,
        receiver: &mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
    ) -> End {
        let init_deadline = Instant::now() + INIT;
        let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
        loop {
            let expiry = self.until_expiry();
            let end = tokio::select! {
                () = tokio::time::sleep_until(init_deadline), if !self.is_acknowledged => {
                    return Some(Close::init_timeout());
                }
                () = tokio::time::sleep(expiry.unwrap_or_default()), if expiry.is_some() => {
                    return Some(Close::forbidden());
                }
                message = receiver.next() => match message {
                    Some(Ok(message)) => self.receive(sender, message).await,
                    Some(Err(_)) | None => return None,
                },
                Some((number, id, event)) = self.inbox.recv() => {
                    self.tell(sender, number, &id, event).await
                }
                Some(ended) = self.operations.join_next() => match ended {
                    // Nobody would ever hear of its operation again.
                    Err(error) if error.is_panic() => return None,
                    Ok(()) | Err(_) => Ok(()),
                },
                _ = ping.tick() => self.ping(sender).await,
            };
            if let Err(end) = end {
                return end;
            }
        }
    }

    /// How long the credential still holds; none where there is no end to wait for. Looked at
    /// again at least every half minute, for the clock that counts is the instance's.
    fn until_expiry(&self) -> Option<Duration> {
        let Authority::Token { expires_at } = self.viewer.as_ref()?.authority else { return None };
        let now: DateTime<Utc> = self.state.instance.clock.now();
        Some((expires_at - now).to_std().unwrap_or_default())
    }

    async fn receive(&mut self, sender: &mut Sender, message: Message) -> Result<(), End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Pong(_) => {
                self.unanswered_pings = 0;
                return Ok(());
            }
            // Answered by the WebSocket layer itself.
            Message::Ping(_) => return Ok(()),
            Message::Close(_) => return Err(None),
            Message::Binary(_) => return Err(Some(Close::bad_message())),
        };
        let message = from_object(text.as_bytes()).map_err(|_| Some(Close::bad_message()))?;
        match message {
            ClientMessage::ConnectionInit { payload } => {
                self.init(payload)?;
                send(sender, &ServerMessage::ConnectionAck).await
            }
            ClientMessage::Ping {} => send(sender, &ServerMessage::Pong).await,
            ClientMessage::Pong {} => Ok(()),
            ClientMessage::Subscribe { id, payload } => self.subscribe(id, payload),
            ClientMessage::Complete { id } => {
                self.end(&id);
                Ok(())
            }
        }
    }

    fn init(
        &mut self,
        payload: Option<serde_json::Map<String, serde_json::Value>>,
    ) -> Result<(), End> {
        if self.is_acknowledged {
            return Err(Some(Close::too_many_inits()));
        }
        let payload = payload.unwrap_or_default();
        // GraphiQL sends its headers here as people write them.
        let entry = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some((_, value)) = entry {
            let value = value.as_str().ok_or(Some(Close::forbidden()))?;
            let viewer =
                credential::from_authorization(&self.state.instance, value, &self.correlation);
            self.viewer = Some(viewer.map_err(|_| Some(Close::forbidden()))?);
        }
        self.is_acknowledged = true;
        Ok(())
    }

    fn subscribe(&mut self, id: String, parameters: Parameters) -> Result<(), End> {
        if !self.is_acknowledged {
            return Err(Some(Close::unauthorized()));
        }
        if self.running.contains_key(&id) {
            return Err(Some(Close::duplicate(&id)));
        }
        let most = self.state.instance.settings.socket_operations;
        let Operation { is_stream, mut events } = if self.running.len() >= most {
            let message = format!("At most {most} operations run at once on a connection");
            let mut error = ServerError::new(message, None);
            error.extensions.get_or_insert_default().set("code", code::RATE_LIMITED);
            operation::refused(error)
        } else {
            operation::begin(&self.state, self.viewer.clone(), parameters)
        };
        self.started += 1;
        let (number, name, outbox) = (self.started, id.clone(), self.outbox.clone());
        let turns = Arc::clone(&self.turns);
        let stopping = self.state.instance.stopping.clone();
        let operation = async move {
            let _turn = if is_stream { None } else { turns.acquire_owned().await.ok() };
            while let Some(event) = events.next().await {
                // It ends with this process, not with what it tells: a client that heard
                // `complete` would not come back for the rest.
                if is_stream && matches!(event, Event::Completed) && stopping.is_cancelled() {
                    return;
                }
                if outbox.send((number, name.clone(), event)).await.is_err() {
                    return;
                }
            }
        };
        let tasks = &self.state.instance.tasks;
        let operation = self.operations.spawn(tasks.track_future(operation));
        self.running.insert(id, (number, operation));
        Ok(())
    }

    async fn tell(
        &mut self,
        sender: &mut Sender,
        number: u64,
        id: &str,
        event: Event,
    ) -> Result<(), End> {
        // Completed by the client meanwhile, or refused already.
        if self.running.get(id).is_none_or(|(current, _)| *current != number) {
            return Ok(());
        }
        match event {
            Event::Next(response) => {
                send(sender, &ServerMessage::Next { id, payload: &response }).await
            }
            Event::Refused(errors) => {
                self.end(id);
                send(sender, &ServerMessage::Error { id, payload: &errors }).await
            }
            Event::Completed => {
                self.end(id);
                send(sender, &ServerMessage::Complete { id }).await
            }
        }
    }

    fn end(&mut self, id: &str) {
        if let Some((_, operation)) = self.running.remove(id) {
            operation.abort();
        }
    }

    async fn ping(&mut self, sender: &mut Sender) -> Result<(), End> {
        if self.unanswered_pings >= 2 {
            return Err(None);
        }
        self.unanswered_pings += 1;
        send_message(sender, Message::Ping(axum::body::Bytes::new())).await
    }
}

async fn send(sender: &mut Sender, message: &ServerMessage<'_>) -> Result<(), End> {
    let text = serde_json::to_string(message).map_err(|error| {
        tracing::error!(%error, "a message can't be written");
        None
    })?;
    send_message(sender, Message::Text(text.into())).await
}

async fn send_message(sender: &mut Sender, message: Message) -> Result<(), End> {
    match timeout(SEND, sender.send(message)).await {
        Ok(Ok(())) => Ok(()),
        // Gone, or not reading.
        Ok(Err(_)) | Err(_) => Err(None),
    }
}
