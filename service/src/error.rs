//! Errors of the domain, grouped by who can fix them.

use std::sync::Arc;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

use crate::permission::Permission;

/// The result of a call into the domain.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error behind a fault, of whatever library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error of a call into the domain.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credential is missing or not valid. The text is for the caller.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The credential can't be checked now, but may be valid. The text is for the caller.
    #[error("{message}")]
    Unavailable {
        /// The service that can't be reached.
        message: &'static str,
        /// Seconds after which to repeat the request.
        retry_after: u64,
    },
    /// The caller's role does not have this permission.
    #[error("your role does not allow you to {0}")]
    Forbidden(Permission),
    /// The caller can fix the request. Nothing was done.
    #[error("{}", summary(.0))]
    Refused(Vec<Problem>),
    /// A fault of Daybook or of a system that it depends on. The text is for the log.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// One problem that the caller can fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The kind of problem.
    pub code: ProblemCode,
    /// A message that says what is wrong and what is allowed.
    pub message: String,
    /// The path of the input field, from the root of the input. Empty if no single field is at
    /// fault.
    pub path: Vec<String>,
}

/// The kind of a problem that the caller can fix.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ProblemCode {
    /// A value is not one that the field accepts.
    Invalid,
    /// The object does not exist, or the caller may not see it. The two look the same.
    NotFound,
    /// The request contradicts an earlier change.
    Conflict,
    /// A value is larger than the field allows.
    TooLarge,
    /// The caller has sent too many requests, or has too many of something at once.
    RateLimited,
    /// The request is well-formed, but this instance does not support it.
    Unsupported,
}

/// A fault of Daybook or of a system that it depends on. Its text is for the log, and includes the
/// texts of all causes.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database refused a statement or became unreachable. Nothing was changed.
    #[error("database: {}", chain(.0))]
    Database(#[source] DbErr),
    /// No connection to the database became free in time: all are in use, or the database can't be
    /// reached.
    #[error("no connection to the database: {}", chain(.0))]
    Busy(#[source] DbErr),
    /// The database ended a statement that took too long.
    #[error("a statement took too long: {}", chain(.0))]
    TimedOut(#[source] DbErr),
    /// COMMIT itself failed, so the changes may or may not have been made.
    #[error("commit with unknown outcome: {}", chain(.0))]
    CommitUnknown(#[source] DbErr),
    /// SQLite's own library failed to read or write a database's file.
    #[error("SQLite: {}", chain(.0))]
    Sqlite(#[source] rusqlite::Error),
    /// The store of artifacts failed.
    #[error("artifact store: {}", chain(.0))]
    Store(#[from] object_store::Error),
    /// A task ended without a result, because it panicked or the process is stopping.
    #[error("task: {}", chain(.0))]
    Task(#[from] tokio::task::JoinError),
    /// The process is stopping.
    #[error("stopping")]
    Stopping,
    /// The instance can't run as it is configured.
    #[error("{}", misconfiguration(.message, .source.as_ref()))]
    Misconfigured {
        /// The setting that is wrong, and what to change.
        message: String,
        /// The error by which it was found, if there was one.
        source: Option<Cause>,
    },
    /// A value could not be turned into bytes, such as a row of a file.
    #[error("failed to write {what}: {}", chain(.source.as_ref()))]
    Encode {
        /// The file or value, without any of its content.
        what: String,
        /// The error of the encoder.
        source: Cause,
    },
    /// Stored data, or an answer of the database, could not be read by this build.
    #[error("failed to read {what}: {}", chain(.source.as_ref()))]
    Decode {
        /// The value and the row that holds it, without any of their content.
        what: String,
        /// The error of the decoder.
        source: Cause,
    },
    /// A row or an object that Daybook stored is no longer there. The text names it.
    #[error("{0} is missing")]
    Missing(String),
    /// A backup can't hold this row. The text names the row, but shows nothing of its content.
    #[error("{0}")]
    Row(String),
    /// An operation of the operating system failed.
    #[error("{context}: {}", chain(.source))]
    Io {
        /// The operation that failed.
        context: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// Daybook reached a state that its code rules out. The text says which.
    #[error("bug: {0}")]
    Bug(String),
}

impl Fault {
    /// Returns a fault of an instance that can't run as it is configured. The message says what to
    /// change.
    #[must_use]
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self::Misconfigured { message: message.into(), source: None }
    }

    /// Returns a fault of an instance that can't run as it is configured, as `source` has shown.
    #[must_use]
    pub fn misconfigured_since(source: impl Into<Cause>, message: impl Into<String>) -> Self {
        Self::Misconfigured { message: message.into(), source: Some(source.into()) }
    }

    /// Returns a fault of writing `what`, which names the file or value.
    #[must_use]
    pub fn encode(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Encode { what: what.into(), source: source.into() }
    }

    /// Returns a fault of reading `what`, which names the value and the row that holds it.
    #[must_use]
    pub fn decode(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Decode { what: what.into(), source: source.into() }
    }
}

/// Returns the texts of an error and its causes, joined by colons. Leaves out a cause whose text
/// the texts before it contain already, since many libraries repeat their causes.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    with_cause(&error.to_string(), error.source())
}

fn misconfiguration(message: &str, cause: Option<&Cause>) -> String {
    with_cause(message, cause.map(|cause| cause.as_ref() as &dyn std::error::Error))
}

fn with_cause(text: &str, cause: Option<&(dyn std::error::Error + 'static)>) -> String {
    let causes = std::iter::successors(cause, |cause| cause.source());
    causes.map(ToString::to_string).fold(text.to_owned(), |text, cause| {
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

impl Error {
    /// Returns an error with one problem of the field at `path`.
    #[must_use]
    pub fn problem(code: ProblemCode, path: &[&str], message: impl Into<String>) -> Self {
        Self::Refused(vec![Problem::new(code, path, message)])
    }

    /// Returns an error for a value that the field at `path` does not accept.
    #[must_use]
    pub fn invalid(path: &[&str], message: impl Into<String>) -> Self {
        Self::problem(ProblemCode::Invalid, path, message)
    }

    /// Returns an error for a field at `path` that names something that does not exist for this
    /// caller.
    #[must_use]
    pub fn not_found(path: &[&str], what: &str) -> Self {
        Self::problem(ProblemCode::NotFound, path, format!("{what} not found"))
    }

    /// Returns true if all problems are that something does not exist for this caller.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(problems)
            if problems.iter().all(|problem| problem.code == ProblemCode::NotFound))
    }
}

impl From<DbErr> for Fault {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Self::Busy(error),
            _ if is_ended(&error) => Self::TimedOut(error),
            _ => Self::Database(error),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))).into()
    }
}

/// Returns true if the database ended the statement because of a timeout or a cancellation:
/// PostgreSQL's code 57014, or SQLite's code 9.
fn is_ended(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("57014" | "9"))
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Fault(error.into())
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        Self::Fault(Fault::Store(error))
    }
}

impl Problem {
    /// Returns a problem with the field at `path`.
    #[must_use]
    pub fn new(code: ProblemCode, path: &[&str], message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            path: path.iter().map(|&part| part.to_owned()).collect(),
        }
    }
}

fn summary(problems: &[Problem]) -> String {
    let texts = problems.iter().map(|problem| {
        if problem.path.is_empty() {
            problem.message.clone()
        } else {
            format!("{}: {}", problem.path.join("."), problem.message)
        }
    });
    texts.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Option<Box<Layer>> {
        let (text, rest) = texts.split_first()?;
        Some(Box::new(Layer { text, source: layers(rest) }))
    }

    #[test]
    fn text_of_a_fault_has_each_cause_once() {
        for (texts, expected) in [
            (vec!["the writer failed"], "the writer failed"),
            (vec!["outer", "middle", "inner"], "outer: middle: inner"),
            (vec!["outer: middle: inner", "middle: inner", "inner"], "outer: middle: inner"),
            (vec!["outer: middle", "middle", "inner"], "outer: middle: inner"),
        ] {
            let cause = layers(&texts).expect("a cause");
            let error = Error::from(Fault::encode("a CSV file", *cause));
            assert_eq!(error.to_string(), format!("failed to write a CSV file: {expected}"));
            let source = std::error::Error::source(&error).expect("the cause is kept");
            assert!(source.is::<Layer>());
        }
    }
}
