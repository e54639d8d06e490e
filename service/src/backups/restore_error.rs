//! The reason why a file can't be restored.

use std::fmt;

use super::Table;

/// The reason why a file can't be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreError {
    /// Name of the damaged table; none if the damage concerns the file as a whole.
    pub table: Option<&'static str>,
    message: String,
}

impl RestoreError {
    /// Creates a description of damage to the file as a whole.
    pub(super) fn file(message: &str) -> Self {
        Self { table: None, message: message.to_owned() }
    }

    /// Creates a description of damage to a table.
    pub(super) fn table(table: &Table, message: &str) -> Self {
        Self { table: Some(table.name), message: message.to_owned() }
    }
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table {
            Some(table) => write!(f, "table {table}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
