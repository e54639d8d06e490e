//! A raw graphql-transport-ws client.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Connects and waits for the acknowledgement.
    pub async fn connect(url: &str, token: &str) -> Self {
        let mut socket = Self::open(url, Some("graphql-transport-ws")).await;
        socket
            .send(json!({
                "type": "connection_init",
                "payload": { "authorization": format!("Bearer {token}") },
            }))
            .await;
        assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
        socket
    }

    /// Connects without saying anything.
    pub async fn open(url: &str, protocol: Option<&'static str>) -> Self {
        let url = url.replacen("http", "ws", 1);
        let mut request = url.into_client_request().unwrap();
        if let Some(protocol) = protocol {
            let value = HeaderValue::from_static(protocol);
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        let (stream, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        Self { stream }
    }

    /// Connects as a browser does for a page of `origin`. Fails with the status of a refusal.
    pub async fn open_from(url: &str, origin: &str) -> Result<Self, u16> {
        let mut request = url.replacen("http", "ws", 1).into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// Sends a frame unchanged.
    pub async fn send_raw(&mut self, message: Message) -> tungstenite::Result<()> {
        self.stream.send(message).await
    }

    /// Returns the next frame, or none at the end of the connection.
    pub async fn next_raw(&mut self) -> Option<tungstenite::Result<Message>> {
        within_patience("a frame or the end", self.stream.next()).await
    }

    pub async fn send(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// Returns the next message.
    pub async fn next(&mut self) -> Value {
        let next = self.next_or_close().await;
        next.unwrap_or_else(|code| panic!("closed with {code} instead of a message"))
    }

    /// Returns the next message, or the code with which the server closes the connection.
    pub async fn next_or_close(&mut self) -> Result<Value, u16> {
        let next = async {
            loop {
                match self.receive().await {
                    Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
                    Message::Ping(_) | Message::Pong(_) => {}
                    Message::Close(Some(frame)) => return Err(frame.code.into()),
                    other => panic!("{other:?} instead of a message"),
                }
            }
        };
        within_patience("a message", next).await
    }

    /// Returns the data in the payload of the next message, which must be a `next`.
    pub async fn data(&mut self) -> Value {
        let message = self.next().await;
        assert_eq!(message["type"], "next", "{message}");
        assert_eq!(message["payload"].get("errors"), None, "{message}");
        message["payload"]["data"].clone()
    }

    /// Returns the code and reason with which the server closes the connection, skipping other messages.
    pub async fn closed(&mut self) -> (u16, String) {
        let (code, reason, _) = self.rest().await;
        (code, reason)
    }

    /// Returns the code and reason with which the server closes the connection, and the messages before that.
    pub async fn rest(&mut self) -> (u16, String, Vec<Value>) {
        let rest = async {
            let mut messages = Vec::new();
            loop {
                match self.receive().await {
                    Message::Close(Some(frame)) => {
                        return (frame.code.into(), frame.reason.to_string(), messages);
                    }
                    Message::Close(None) => panic!("closed without a reason"),
                    Message::Text(text) => messages.push(serde_json::from_str(&text).unwrap()),
                    _ => {}
                }
            }
        };
        within_patience("a close frame", rest).await
    }

    async fn receive(&mut self) -> Message {
        self.stream.next().await.expect("an open socket").unwrap()
    }
}

/// Pings go on for as long as the server keeps the connection: what is waited for is bounded as a
/// whole, not from ping to ping.
async fn within_patience<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
    waited.unwrap_or_else(|_| panic!("no {what} in 60 s"))
}
