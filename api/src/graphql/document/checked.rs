//! A document that may be run.

use apollo_compiler::{executable, validation::Valid};
use async_graphql::{
    Name, Positioned,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
};

/// A document that satisfies every rule and limit.
pub struct Document {
    /// The document as the executor takes it.
    pub(super) executable: ExecutableDocument,
    /// The document with types.
    pub(super) typed: Valid<executable::ExecutableDocument>,
    /// Length of the text in bytes.
    pub(super) bytes: usize,
}

impl Document {
    /// Returns the types of the operations that the name can refer to: all of them if no name is
    /// given, none if no operation has the name.
    pub fn kinds(&self, operation_name: Option<&str>) -> impl Iterator<Item = OperationType> {
        let is_meant = move |name: Option<&Name>| {
            operation_name.is_none_or(|wanted| name.is_some_and(|name| name.as_str() == wanted))
        };
        let meant = self.executable.operations.iter().filter(move |(name, _)| is_meant(*name));
        meant.map(|(_, operation)| operation.node.ty)
    }

    /// Returns the names of the named operations.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.typed.operations.named.keys().map(ToString::to_string).collect()
    }

    /// Returns the name of the operation if there is exactly one.
    #[must_use]
    pub fn only_name(&self) -> Option<&str> {
        let mut names = self.typed.operations.named.keys();
        names.next().filter(|_| names.next().is_none()).map(apollo_compiler::Name::as_str)
    }

    /// Returns true if every operation that the name can refer to is a query.
    #[must_use]
    pub fn is_query(&self, operation_name: Option<&str>) -> bool {
        self.kinds(operation_name).all(|kind| kind == OperationType::Query)
    }

    /// Returns true if an operation that the name can refer to is a mutation.
    #[must_use]
    pub fn may_change(&self, operation_name: Option<&str>) -> bool {
        self.kinds(operation_name).any(|kind| kind == OperationType::Mutation)
    }

    /// Returns the operation with this name, or the only one if no name is given.
    pub(super) fn operation(&self, name: Option<&str>) -> Option<&Positioned<OperationDefinition>> {
        match (&self.executable.operations, name) {
            (DocumentOperations::Single(operation), None) => Some(operation),
            (DocumentOperations::Single(_), Some(_)) => None,
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
            (DocumentOperations::Multiple(operations), None) => operations.values().next(),
        }
    }
}
