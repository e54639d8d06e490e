//! Limits that are the same on every instance.

use std::time::Duration;

use super::DocumentLimits;

/// Limits that clients can rely on, and that no operator has a reason to change. They are fields instead of constants
/// only because tests in this process change them, to wait less or to send less.
#[derive(Clone, Debug)]
pub struct FixedLimits {
    /// Maximum length of a client's WebSocket message in bytes. The longest document fits.
    pub socket_message_bytes: usize,
    /// Time within which a WebSocket client must send `connection_init`. Clients send it at once.
    pub socket_init_timeout: Duration,
    /// Interval between pings on a WebSocket, which is closed after three missed pongs. Shorter than the idle timeouts
    /// of common proxies, of which the shortest are 30 seconds.
    pub socket_ping: Duration,
    /// Time within which a client must send a request's body. The longest body fits at 250 KiB per second.
    pub body_timeout: Duration,
    /// Time after which a connection is closed if the client reads nothing of the response. A client that is merely
    /// slow reads something.
    pub send_timeout: Duration,
    /// Maximum number of queries and mutations that one credential runs at once. Many more than the database has
    /// connections, so more would only wait.
    pub credential_operations: u32,
    /// Limits on GraphQL documents.
    pub document: DocumentLimits,
}

impl Default for FixedLimits {
    fn default() -> Self {
        let document = DocumentLimits::default();
        Self {
            socket_message_bytes: document.bytes,
            socket_init_timeout: Duration::from_secs(10),
            socket_ping: Duration::from_secs(20),
            body_timeout: Duration::from_secs(30),
            send_timeout: Duration::from_secs(15),
            credential_operations: 256,
            document,
        }
    }
}
