//! Limits on GraphQL documents.

/// Limits on a GraphQL document. Each is checked before execution, the first ones even before parsing.
///
/// They follow from the schema, which is the same everywhere: no document that somebody needs comes near them, so an
/// operator has no reason to change them. Tests do, to reach a limit with less, or to ask for everything at once.
#[derive(Clone, Debug)]
pub struct DocumentLimits {
    /// Maximum length of a document in bytes.
    pub bytes: usize,
    /// Maximum number of tokens in a document.
    pub tokens: usize,
    /// Maximum number of operations and fragments in a document.
    pub definitions: usize,
    /// Maximum nesting depth of fields.
    pub depth: u64,
    /// Maximum number of fields in an operation after fragments are expanded. Fields of lists count once.
    pub fields: u64,
    /// Maximum number of aliases in an operation.
    pub aliases: u64,
    /// Maximum number of fields at the root of an operation.
    pub root_fields: usize,
    /// Maximum number of directives in an operation.
    pub directives: u64,
    /// Maximum cost of an operation: 1 per field, multiplied by the length of each list above it.
    pub cost: u64,
    /// True if introspection of the schema is allowed.
    pub introspection: bool,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            bytes: 256 * 1024,
            tokens: 15_000,
            definitions: 500,
            depth: 32,
            fields: 5_000,
            aliases: 500,
            root_fields: 100,
            directives: 500,
            cost: 100_000,
            introspection: true,
        }
    }
}
