//! Explains at once why a PostgreSQL server can't be used. A pool would retry until its time limit.

use std::{io::ErrorKind, time::Duration};

use sqlx::{ConnectOptions, Connection, Error, postgres::PgConnectOptions};

use crate::{Fault, Result};

/// Longest time that a server may take to accept a login.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to the server once.
///
/// # Errors
/// Returns the reason why the server can't be used, and what to do. The text never shows the
/// password.
pub(super) async fn try_once(options: &PgConnectOptions) -> Result<()> {
    let error = match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => {
            // The connection has served its purpose, so errors at its end don't matter.
            let _ = connection.close().await;
            return Ok(());
        }
        Ok(Err(Error::Database(error))) if is_passing(error.code().as_deref()) => return Ok(()),
        Ok(Err(error)) => explain(&error, options),
        Err(_) => format!(
            "PostgreSQL at {} does not answer within {CONNECT_TIMEOUT:?}: see that the address is \
             right and no firewall is in between",
            place(options)
        ),
    };
    Err(Fault::misconfigured(error).into())
}

/// Returns true for the errors of a server that is starting or has no free connections. A pool
/// retries these for some seconds.
fn is_passing(code: Option<&str>) -> bool {
    matches!(code, Some("57P03" | "53300"))
}

/// Returns a text for an error that names the server and says what to do.
pub(super) fn explain(error: &Error, options: &PgConnectOptions) -> String {
    let (place, user) = (place(options), options.get_username());
    match error {
        Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => format!(
            "PostgreSQL at {place}: connection refused: see that it runs, and that host and port are right"
        ),
        Error::Io(error) if error.to_string().contains("lookup") => {
            let host = options.get_host();
            format!("the host {host} of PostgreSQL is not known ({error}): correct the URL's host")
        }
        Error::Io(error) => {
            format!(
                "PostgreSQL at {place} can't be reached: {error}: see that host and port are right"
            )
        }
        Error::Tls(error) => format!(
            "no TLS with PostgreSQL at {place}: {error}: see sslmode and sslrootcert in the URL, and \
             ssl in the server's settings"
        ),
        Error::Database(error) => match error.code().as_deref() {
            Some("28P01") => format!(
                "PostgreSQL at {place} refuses the password of {user}: correct user and password in the URL"
            ),
            Some("28000") => format!(
                "PostgreSQL at {place} does not let {user} in: {}: see its pg_hba.conf",
                error.message()
            ),
            Some("3D000") => {
                let database = options.get_database().unwrap_or(user);
                format!(
                    "PostgreSQL at {place} has no database {database}: create it, or correct the URL"
                )
            }
            _ => {
                format!("PostgreSQL at {place} says: {}{}", error.message(), hint(error.message()))
            }
        },
        error => format!("PostgreSQL at {place} can't be used: {error}"),
    }
}

fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Returns advice for PgBouncer's refusal of a parameter that every PostgreSQL server accepts.
fn hint(message: &str) -> &'static str {
    if message.contains("unsupported startup parameter") {
        "; behind a pooler, DAYBOOK_DATABASE_DIRECT_URL must lead past it, and its \
         ignore_startup_parameters must have extra_float_digits"
    } else {
        ""
    }
}
