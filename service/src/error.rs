//! Errors of the domain, grouped by who can fix them.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

use crate::permission::Permission;

/// The result of a call into the domain.
pub type Result<T, E = Error> = std::result::Result<T, E>;

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

/// A fault of Daybook or of a system that it depends on.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database refused a statement or became unreachable. Nothing was changed.
    #[error("database: {0}")]
    Database(#[source] DbErr),
    /// No connection to the database became free in time: all are in use, or the database can't be
    /// reached.
    #[error("no connection to the database: {0}")]
    Busy(#[source] DbErr),
    /// The database ended a statement that took too long.
    #[error("a statement took too long: {0}")]
    TimedOut(#[source] DbErr),
    /// COMMIT itself failed, so the changes may or may not have been made.
    #[error("commit with unknown outcome: {0}")]
    CommitUnknown(#[source] DbErr),
    /// The store of artifacts failed.
    #[error("artifact store: {0}")]
    Store(#[from] object_store::Error),
    /// A task ended without a result, because it panicked or the process is stopping.
    #[error("task: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The process is stopping.
    #[error("stopping")]
    Stopping,
    /// The instance can't run as it is configured. The text says what to change.
    #[error("{0}")]
    Unfit(String),
    /// Stored data can't be read by this build.
    #[error("stored data: {0}")]
    Stored(String),
    /// A backup can't hold this row. The text names the row, but shows nothing of its content.
    #[error("{0}")]
    Row(String),
    /// An operation of the operating system failed.
    #[error("{context}: {source}")]
    Io {
        /// The operation that failed.
        context: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
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
