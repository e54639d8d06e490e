//! A raw graphql-transport-ws client.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
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

    pub async fn send(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        let next = async {
            loop {
                match self.receive().await {
                    Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => panic!("{other:?} instead of a message"),
                }
            }
        };
        within_patience("a message", next).await
    }

    /// The payload's data of the next message, which must be a `next`.
    pub async fn data(&mut self) -> Value {
        let message = self.next().await;
        assert_eq!(message["type"], "next", "{message}");
        assert_eq!(message["payload"].get("errors"), None, "{message}");
        message["payload"]["data"].clone()
    }

    /// The code and reason with which the server closes, whatever it says before.
    pub async fn closed(&mut self) -> (u16, String) {
        let (code, reason, _) = self.rest().await;
        (code, reason)
    }

    /// The code and reason with which the server closes, and the messages that it says before.
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
    let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
    waited.unwrap_or_else(|_| panic!("no {what} in 30 s"))
}
