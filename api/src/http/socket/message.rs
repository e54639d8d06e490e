//! The protocol's messages and close codes.

use async_graphql::{Response, ServerError};
use serde::{Deserialize, Serialize};

use crate::http::parameters::{Parameters, object};

/// From the client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    ConnectionInit {
        #[serde(default)]
        payload: Option<serde_json::Map<String, serde_json::Value>>,
    },
    Ping {},
    Pong {},
    Subscribe {
        id: String,
        #[serde(deserialize_with = "object")]
        payload: Parameters,
    },
    Complete {
        id: String,
    },
}

/// The name of the operation that a message asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// To the client.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    ConnectionAck,
    Pong,
    Next { id: &'a str, payload: &'a Response },
    Error { id: &'a str, payload: &'a [ServerError] },
    Complete { id: &'a str },
}

/// Why a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    /// At most 123 bytes (RFC 6455, section 5.5).
    pub(super) reason: String,
}

impl Close {
    fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned() }
    }

    /// A message that the protocol does not know, or that is too long.
    pub(super) fn bad_message() -> Self {
        Self::new(4400, "Invalid message")
    }

    /// More than one credential in `connection_init`.
    pub(super) fn two_credentials() -> Self {
        Self::new(4400, "Invalid message: more than one authorization")
    }

    /// A credential that nobody can check now: clients come back with the same.
    pub(super) fn try_again_later() -> Self {
        Self::new(1013, "The OpenID provider can't be reached: try again later")
    }

    /// An operation before the connection was acknowledged.
    pub(super) fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized")
    }

    /// A credential that doesn't hold, or not any more: clients come back with a new one.
    pub(super) fn forbidden() -> Self {
        Self::new(4403, "Forbidden")
    }

    /// Another sub-protocol.
    pub(super) fn no_protocol() -> Self {
        Self::new(4406, "Subprotocol not acceptable")
    }

    /// No `connection_init` in time.
    pub(super) fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    /// An operation under the id of one that still runs.
    pub(super) fn duplicate(id: &str) -> Self {
        // An id may be longer than a close frame.
        let id: String = id.chars().take(20).collect();
        Self::new(4409, &format!("Subscriber for {id} already exists"))
    }

    /// A second `connection_init`.
    pub(super) fn too_many_inits() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    /// A fault of ours.
    pub(super) fn internal_error() -> Self {
        Self::new(4500, "Internal server error")
    }

    /// The server stops; clients come back.
    pub(super) fn restarting() -> Self {
        Self::new(1012, "Service restart")
    }
}
