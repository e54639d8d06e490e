//! Limits of the server, and the origins whose pages may use it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use ipnet::IpNet;

use crate::http::forwarded::network;

use super::{DocumentLimits, FixedLimits, defaults::defaults, heading};

/// Settings of the layers between a client and the GraphQL executor.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = heading::LIMITS)]
pub struct ServerLimits {
    /// Origins whose pages may use the API from a browser, separated by commas; * allows all
    /// [default: only this server's own origin]
    ///
    /// Set it if a web application of yours at another origin uses the API.
    #[arg(
        long,
        env = "DAYBOOK_CORS_ORIGINS",
        value_delimiter = ',',
        value_parser = origin,
        help_heading = heading::CLIENTS,
        global = true
    )]
    pub cors_origins: Vec<String>,
    /// Addresses or CIDR prefixes of proxies, separated by commas, whose Forwarded or X-Forwarded-For
    /// headers name the client [default: none]
    ///
    /// Set it behind a proxy: the log and the limits for addresses then know the client's address, not the proxy's.
    #[arg(
        long,
        env = "DAYBOOK_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_parser = network,
        help_heading = heading::CLIENTS,
        global = true
    )]
    pub trusted_proxies: Vec<IpNet>,
    /// JSON file that maps IDs (SHA-256) to trusted documents; only these are executed [default: any document is]
    ///
    /// Set it if you know all documents of your clients: nobody can then send costlier ones.
    #[arg(
        long,
        env = "DAYBOOK_TRUSTED_DOCUMENTS",
        help_heading = heading::CLIENTS,
        global = true
    )]
    pub trusted_documents: Option<PathBuf>,
    /// Serve GraphiQL at /graphql, and allow introspection of the schema, which GraphiQL needs
    ///
    /// Set it to false if your rules permit neither in production. Clients find the schema in schema.graphql.
    #[arg(
        long,
        env = "DAYBOOK_GRAPHIQL",
        default_value_t = true,
        action = ArgAction::Set,
        help_heading = heading::CLIENTS,
        global = true
    )]
    pub graphiql: bool,
    /// Separate address and port for /metrics [default: same as --listen; a worker serves no metrics]
    ///
    /// Set it if users can reach --listen, or to get metrics of a worker.
    #[arg(
        long,
        env = "DAYBOOK_METRICS_LISTEN",
        help_heading = heading::CLUSTER,
        global = true
    )]
    pub metrics_listen: Option<SocketAddr>,
    /// GraphQL operation names with their own label in metrics, separated by commas; all others are "other"
    /// [default: those of trusted documents]
    ///
    /// Set it to see the rates and durations of your clients' operations one by one.
    #[arg(
        long,
        env = "DAYBOOK_METRICS_OPERATIONS",
        value_delimiter = ',',
        help_heading = heading::CLUSTER,
        global = true
    )]
    pub metrics_operations: Vec<String>,
    /// Maximum number of open connections; further ones are answered with 503
    ///
    /// Lower it on a small machine, since each may take 50 KiB; raise it, and the limit on open files, for more
    /// subscribers.
    #[arg(long, env = "DAYBOOK_CONNECTIONS", default_value_t = 10_000, global = true)]
    pub connections: usize,
    /// Time for which an idle connection is kept, and within which a client must send its request headers
    ///
    /// Raise it above the idle timeout of a load balancer that reuses connections. Otherwise the load balancer may use
    /// one that Daybook is closing, and answer with 502.
    #[arg(
        long,
        env = "DAYBOOK_IDLE_TIMEOUT",
        default_value = "75s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub idle_timeout: Duration,
    /// Maximum run time of a query or mutation
    ///
    /// Raise it if searches of a large log end with TIMEOUT; lower it to free the database sooner.
    #[arg(
        long,
        env = "DAYBOOK_EXECUTION_TIMEOUT",
        default_value = "30s",
        value_parser = humantime::parse_duration,
        global = true
    )]
    pub execution_timeout: Duration,
    /// Maximum number of operations per second and credential, in one process; 0 means unlimited
    ///
    /// Lower it so that one program can't take the capacity of all others.
    #[arg(long, env = "DAYBOOK_CREDENTIAL_RATE", default_value_t = 10_000, global = true)]
    pub credential_rate: u32,
    /// Maximum number of requests per second and client address, in one process; 0 means unlimited
    ///
    /// Lower it if strangers can reach the server directly. Behind a proxy all requests come from the proxy's address:
    /// set it to 0 and limit the rate there.
    #[arg(long, env = "DAYBOOK_ADDRESS_RATE", default_value_t = 10_000, global = true)]
    pub address_rate: u32,
    /// Limits that are the same on every instance. Not an option.
    #[arg(skip)]
    pub fixed: FixedLimits,
}

impl ServerLimits {
    /// Limits on GraphQL documents.
    #[must_use]
    pub fn document(&self) -> DocumentLimits {
        DocumentLimits { introspection: self.graphiql, ..self.fixed.document.clone() }
    }
}

impl Default for ServerLimits {
    /// Returns the default of each option.
    fn default() -> Self {
        defaults()
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
