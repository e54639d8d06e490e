//! Messages and close codes of the protocol.

use async_graphql::{Response, ServerError};
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;

use crate::http::parameters::{Parameters, from_object};

/// Message from the client.
#[derive(Debug)]
pub(super) enum ClientMessage {
    ConnectionInit { payload: Option<serde_json::Map<String, serde_json::Value>> },
    Ping,
    Pong,
    Subscribe { id: String, payload: Parameters },
    Complete { id: String },
}

/// Any message, before its type says what its payload is.
#[derive(Debug, Deserialize)]
struct AnyMessage<'a> {
    r#type: String,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// Text that is not a message of the protocol.
    pub(super) fn read(text: &str) -> serde_json::Result<Self> {
        let AnyMessage { r#type, id, payload } = from_object(text.as_bytes())?;
        let id = || id.ok_or_else(|| serde_json::Error::custom("`id` is missing"));
        match r#type.as_str() {
            "connection_init" => {
                let payload = payload.map(|payload| serde_json::from_str(payload.get()));
                Ok(Self::ConnectionInit { payload: payload.transpose()? })
            }
            "ping" => Ok(Self::Ping),
            "pong" => Ok(Self::Pong),
            "subscribe" => {
                let payload = payload.map_or("null", RawValue::get);
                Ok(Self::Subscribe { id: id()?, payload: from_object(payload.as_bytes())? })
            }
            "complete" => Ok(Self::Complete { id: id()? }),
            _ => Err(serde_json::Error::custom("unknown type of message")),
        }
    }
}

/// ID of the operation that a message is about.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// Message to the client.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    ConnectionAck,
    Pong,
    Next { id: &'a str, payload: &'a Response },
    Error { id: &'a str, payload: &'a [ServerError] },
    Complete { id: &'a str },
}

/// Close code and reason of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    /// At most 123 bytes (RFC 6455, section 5.5).
    pub(super) reason: String,
}

/// End of a connection: with a close frame, or without.
pub(super) type End = Option<Close>;

impl Close {
    fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned() }
    }

    /// The client sent a message that is not part of the protocol, or too long.
    pub(super) fn bad_message() -> Self {
        Self::new(4400, "Invalid message")
    }

    /// The client sent more than one credential in `connection_init`.
    pub(super) fn two_credentials() -> Self {
        Self::new(4400, "Invalid message: more than one authorization")
    }

    /// The credential can't be verified at the moment; clients reconnect with the same one.
    pub(super) fn try_again_later() -> Self {
        Self::new(1013, "The OpenID provider can't be reached; try again later")
    }

    /// The client started an operation before the connection was acknowledged.
    pub(super) fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized")
    }

    /// The credential is not valid, or no longer valid; clients reconnect with a new one.
    pub(super) fn forbidden() -> Self {
        Self::new(4403, "Forbidden")
    }

    /// The client offered no known subprotocol.
    pub(super) fn no_protocol() -> Self {
        Self::new(4406, "Subprotocol not acceptable")
    }

    /// The client did not send `connection_init` in time.
    pub(super) fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    /// The client reused the ID of an operation that is still running.
    pub(super) fn duplicate(id: &str) -> Self {
        // An ID may be longer than a close frame.
        let id: String = id.chars().take(20).collect();
        Self::new(4409, &format!("Subscriber for {id} already exists"))
    }

    /// The client sent a second `connection_init`.
    pub(super) fn too_many_inits() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    /// The server failed.
    pub(super) fn internal_error() -> Self {
        Self::new(4500, "Internal server error")
    }

    /// The server is stopping; clients reconnect.
    pub(super) fn restarting() -> Self {
        Self::new(1012, "Service restart")
    }
}
