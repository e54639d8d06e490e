//! Limits of the server, and the origins whose pages may use it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args};

use super::DocumentLimits;

/// Settings of the layers between a client and the GraphQL executor.
#[derive(Args, Clone, Debug)]
pub struct ServerLimits {
    /// Origins whose pages may use the API from a browser, separated by commas; * allows all
    /// [default: only this server's own origin]
    #[arg(long, env = "DAYBOOK_CORS_ORIGINS", value_delimiter = ',', value_parser = origin, global = true)]
    pub cors_origins: Vec<String>,
    /// Separate address and port for /metrics [default: same as --listen; a worker serves no metrics]
    #[arg(long, env = "DAYBOOK_METRICS_LISTEN", global = true)]
    pub metrics_listen: Option<SocketAddr>,
    /// GraphQL operation names with their own label in metrics, separated by commas; all others are "other"
    #[arg(long, env = "DAYBOOK_METRICS_OPERATIONS", value_delimiter = ',', global = true)]
    pub metrics_operations: Vec<String>,
    /// Maximum length of a client's WebSocket message, in bytes
    #[arg(long, env = "DAYBOOK_SOCKET_MESSAGE_BYTES", default_value_t = 256 * 1024, global = true)]
    pub socket_message_bytes: usize,
    /// Time within which a WebSocket client must send connection_init
    #[arg(
        long,
        env = "DAYBOOK_SOCKET_INIT_TIMEOUT",
        default_value = "10s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub socket_init_timeout: Duration,
    /// Interval between pings on a WebSocket; after three missed pongs the connection is closed
    #[arg(
        long,
        env = "DAYBOOK_SOCKET_PING",
        default_value = "20s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub socket_ping: Duration,
    /// Interval between heartbeats on an idle event stream
    #[arg(
        long,
        env = "DAYBOOK_STREAM_HEARTBEAT",
        default_value = "15s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub stream_heartbeat: Duration,
    /// Maximum number of open connections; further ones are answered with 503
    #[arg(long, env = "DAYBOOK_CONNECTIONS", default_value_t = 10_000, global = true)]
    pub connections: usize,
    /// Time within which a client must send its request headers; also how long an idle connection is kept
    #[arg(
        long,
        env = "DAYBOOK_HEADER_TIMEOUT",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub header_timeout: Duration,
    /// Time within which a client must send a request's body
    #[arg(
        long,
        env = "DAYBOOK_BODY_TIMEOUT",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub body_timeout: Duration,
    /// Time after which a connection is closed if the client reads nothing of the response
    #[arg(
        long,
        env = "DAYBOOK_SEND_TIMEOUT",
        default_value = "15s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub send_timeout: Duration,
    /// Maximum run time of a query or mutation
    #[arg(
        long,
        env = "DAYBOOK_EXECUTION_TIMEOUT",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub execution_timeout: Duration,
    /// Maximum number of queries and mutations that one credential runs at once
    #[arg(long, env = "DAYBOOK_CREDENTIAL_OPERATIONS", default_value_t = 256, global = true)]
    pub credential_operations: u32,
    /// Maximum number of operations per second and credential; 0 means unlimited
    #[arg(long, env = "DAYBOOK_CREDENTIAL_RATE", default_value_t = 10_000, global = true)]
    pub credential_rate: u32,
    /// Maximum number of requests per second and client address; 0 means unlimited
    #[arg(long, env = "DAYBOOK_ADDRESS_RATE", default_value_t = 10_000, global = true)]
    pub address_rate: u32,
    /// JSON file that maps IDs (SHA-256) to trusted documents; only these are executed [default: any document is]
    #[arg(long, env = "DAYBOOK_TRUSTED_DOCUMENTS", global = true)]
    pub trusted_documents: Option<PathBuf>,
    /// Serve GraphiQL at /graphql
    #[arg(long, env = "DAYBOOK_GRAPHIQL", default_value_t = true, action = ArgAction::Set, global = true)]
    pub graphiql: bool,
    /// Limits on GraphQL documents.
    #[command(flatten)]
    pub document: DocumentLimits,
}

impl Default for ServerLimits {
    /// Returns the default of each option.
    fn default() -> Self {
        super::defaults()
    }
}

/// Parses an origin as browsers send it (RFC 6454, section 6.1): scheme, host and port, no path.
fn origin(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    let is_origin = match text.split_once("://") {
        Some(("http" | "https", authority)) => {
            !authority.is_empty()
                && authority
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && !b"/?#@*".contains(&byte))
        }
        Some(_) | None => text == "*",
    };
    if is_origin {
        Ok(text)
    } else {
        Err("an origin must be http:// or https:// and a host, without a path, or * for all"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_s_pages_are_let_in_by_default() {
        assert!(ServerLimits::default().cors_origins.is_empty());
    }

    #[test]
    fn origin_has_a_scheme_and_no_path() {
        for text in ["https://app.acme.test", "http://localhost:3000", "HTTPS://Acme.test", "*"] {
            assert_eq!(origin(text), Ok(text.to_ascii_lowercase()));
        }
        for text in [
            "",
            "acme.test",
            "https://",
            "https://acme.test/",
            "ftp://acme.test",
            "null",
            "https://*.acme.test",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
