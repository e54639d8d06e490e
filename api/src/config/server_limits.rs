//! What the server lets in: origins and limits.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args};

use super::DocumentLimits;

/// Settings of everything that stands between a client and the executor.
#[derive(Args, Clone, Debug)]
pub struct ServerLimits {
    /// Origins whose pages may use the API from a browser, separated by commas, or * for any
    /// [default: none but this server's own]
    #[arg(long, env = "DAYBOOK_CORS_ORIGINS", value_delimiter = ',', value_parser = origin, global = true)]
    pub cors_origins: Vec<String>,
    /// Where /metrics is, apart from all else [default: with all else; a worker's nowhere]
    #[arg(long, env = "DAYBOOK_METRICS_LISTEN", global = true)]
    pub metrics_listen: Option<SocketAddr>,
    /// Names of operations that metrics tell apart, separated by commas; all else is "other"
    #[arg(long, env = "DAYBOOK_METRICS_OPERATIONS", value_delimiter = ',', global = true)]
    pub metrics_operations: Vec<String>,
    /// Longest message on a WebSocket, in bytes
    #[arg(long, env = "DAYBOOK_SOCKET_MESSAGE_BYTES", default_value_t = 256 * 1024, global = true)]
    pub socket_message_bytes: usize,
    /// How long a client may take to say connection_init on a WebSocket
    #[arg(
        long,
        env = "DAYBOOK_SOCKET_INIT_TIMEOUT",
        default_value = "10s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub socket_init_timeout: Duration,
    /// How often the client of a WebSocket is asked for a sign of life; three times in vain end it
    #[arg(
        long,
        env = "DAYBOOK_SOCKET_PING",
        default_value = "20s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub socket_ping: Duration,
    /// How often a silent event stream tells that it is there
    #[arg(
        long,
        env = "DAYBOOK_STREAM_HEARTBEAT",
        default_value = "15s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub stream_heartbeat: Duration,
    /// Connections that are served at once
    #[arg(long, env = "DAYBOOK_CONNECTIONS", default_value_t = 10_000, global = true)]
    pub connections: usize,
    /// How long a connection may take to ask, from when it could
    #[arg(
        long,
        env = "DAYBOOK_HEADER_TIMEOUT",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub header_timeout: Duration,
    /// How long a request's body may take
    #[arg(
        long,
        env = "DAYBOOK_BODY_TIMEOUT",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub body_timeout: Duration,
    /// How long a client may read nothing of what is there for it
    #[arg(
        long,
        env = "DAYBOOK_SEND_TIMEOUT",
        default_value = "15s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub send_timeout: Duration,
    /// How long a query or mutation may run
    #[arg(
        long,
        env = "DAYBOOK_EXECUTION_TIMEOUT",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub execution_timeout: Duration,
    /// Queries and mutations of one credential at once
    #[arg(long, env = "DAYBOOK_CREDENTIAL_OPERATIONS", default_value_t = 256, global = true)]
    pub credential_operations: u32,
    /// Operations of one credential a second; 0 for any number
    #[arg(long, env = "DAYBOOK_CREDENTIAL_RATE", default_value_t = 10_000, global = true)]
    pub credential_rate: u32,
    /// Requests of one address a second; 0 for any number
    #[arg(long, env = "DAYBOOK_ADDRESS_RATE", default_value_t = 10_000, global = true)]
    pub address_rate: u32,
    /// A JSON file of ids (SHA-256) and documents: only these are run [default: any document is]
    #[arg(long, env = "DAYBOOK_TRUSTED_DOCUMENTS", global = true)]
    pub trusted_documents: Option<PathBuf>,
    /// Whether GraphiQL is there
    #[arg(long, env = "DAYBOOK_GRAPHIQL", default_value_t = true, action = ArgAction::Set, global = true)]
    pub graphiql: bool,
    /// How large a document may be.
    #[command(flatten)]
    pub document: DocumentLimits,
}

impl Default for ServerLimits {
    /// As if nothing were said.
    fn default() -> Self {
        super::defaults()
    }
}

/// An origin as browsers send it (RFC 6454, section 6.1): scheme, host and port, no path.
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
        Err("an origin is http:// or https:// and a host, without a path; or * for any".to_owned())
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
