//! What can go wrong, cut by who can put it right.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

use crate::permission::Permission;

/// The outcome of a call into the domain.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No credential, or one that doesn't hold. The text is for the caller.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// A credential that nobody can check now, though it may hold. The text is for the caller.
    #[error("{message}")]
    Unavailable {
        /// The service that can't be reached.
        message: &'static str,
        /// Seconds after which the request is worth repeating.
        retry_after: u64,
    },
    /// The caller's role does not allow it.
    #[error("your role does not allow you to {0}")]
    Forbidden(Permission),
    /// The caller can put it right; nothing was done.
    #[error("{}", summary(.0))]
    Refused(Vec<Problem>),
    /// A fault of ours or of what we stand on; the text is for the log.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// One thing for the caller to put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of thing.
    pub code: ProblemCode,
    /// What is wrong and what would be right.
    pub message: String,
    /// The input field, from the root of the input; empty where it's none in particular.
    pub path: Vec<String>,
}

/// What kind of thing the caller has to put right.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ProblemCode {
    /// A value is not what the field takes.
    Invalid,
    /// It does not exist, or not for this caller: the two look the same.
    NotFound,
    /// It contradicts what was done before.
    Conflict,
    /// A value is larger than it may be.
    TooLarge,
    /// Too many at once.
    RateLimited,
    /// Well-formed, but not done by this instance.
    Unsupported,
}

/// A fault of ours or of what we stand on.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database refused or went away; nothing was changed.
    #[error("database: {0}")]
    Database(#[source] DbErr),
    /// No connection to the database was free in time: others have them, or it can't be reached.
    #[error("no connection to the database: {0}")]
    Busy(#[source] DbErr),
    /// The database ended a statement that took too long.
    #[error("a statement took too long: {0}")]
    TimedOut(#[source] DbErr),
    /// COMMIT itself failed: it may have happened or not.
    #[error("commit with unknown outcome: {0}")]
    CommitUnknown(#[source] DbErr),
    /// The object store.
    #[error("artifact store: {0}")]
    Store(#[from] object_store::Error),
    /// A task ended without an answer (a panic, or the process is stopping).
    #[error("task: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The process is stopping.
    #[error("stopping")]
    Stopping,
    /// The instance is not fit to run; the text says what to change.
    #[error("{0}")]
    Unfit(String),
    /// Stored data is not what this build wrote.
    #[error("stored data: {0}")]
    Stored(String),
    /// A row that no backup can hold. The text names the row, and nothing that is in it.
    #[error("{0}")]
    Row(String),
    /// The operating system.
    #[error("{context}: {source}")]
    Io {
        /// What was being done.
        context: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// One problem with the field at `path`.
    #[must_use]
    pub fn problem(code: ProblemCode, path: &[&str], message: impl Into<String>) -> Self {
        Self::Refused(vec![Problem::new(code, path, message)])
    }

    /// The field at `path` holds something unusable.
    #[must_use]
    pub fn invalid(path: &[&str], message: impl Into<String>) -> Self {
        Self::problem(ProblemCode::Invalid, path, message)
    }

    /// What the field at `path` names does not exist for this caller.
    #[must_use]
    pub fn not_found(path: &[&str], what: &str) -> Self {
        Self::problem(ProblemCode::NotFound, path, format!("{what} not found"))
    }

    /// Whether it only says that something does not exist for this caller.
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

/// True where the database was told to end a statement: by PostgreSQL's code for that, or SQLite's.
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
    /// A problem with the field at `path`.
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
