//! Limits on GraphQL documents.

use clap::{ArgAction, Args};

/// Limits on a GraphQL document. Each is checked before execution, the first ones even before parsing.
#[derive(Args, Clone, Debug)]
pub struct DocumentLimits {
    /// Maximum length of a GraphQL document, in bytes
    #[arg(long = "document-bytes", env = "DAYBOOK_DOCUMENT_BYTES", default_value_t = 256 * 1024, global = true)]
    pub bytes: usize,
    /// Maximum number of tokens in a GraphQL document
    #[arg(
        long = "document-tokens",
        env = "DAYBOOK_DOCUMENT_TOKENS",
        default_value_t = 15_000,
        global = true
    )]
    pub tokens: usize,
    /// Maximum number of operations and fragments in a GraphQL document
    #[arg(
        long = "document-definitions",
        env = "DAYBOOK_DOCUMENT_DEFINITIONS",
        default_value_t = 500,
        global = true
    )]
    pub definitions: usize,
    /// Maximum nesting depth of fields
    #[arg(
        long = "document-depth",
        env = "DAYBOOK_DOCUMENT_DEPTH",
        default_value_t = 32,
        global = true
    )]
    pub depth: u64,
    /// Maximum number of fields in an operation after fragments are expanded; fields of lists count once
    #[arg(
        long = "document-fields",
        env = "DAYBOOK_DOCUMENT_FIELDS",
        default_value_t = 5_000,
        global = true
    )]
    pub fields: u64,
    /// Maximum number of aliases in an operation
    #[arg(
        long = "document-aliases",
        env = "DAYBOOK_DOCUMENT_ALIASES",
        default_value_t = 500,
        global = true
    )]
    pub aliases: u64,
    /// Maximum number of fields at the root of an operation
    #[arg(
        long = "document-root-fields",
        env = "DAYBOOK_DOCUMENT_ROOT_FIELDS",
        default_value_t = 100,
        global = true
    )]
    pub root_fields: usize,
    /// Maximum number of directives in an operation
    #[arg(
        long = "document-directives",
        env = "DAYBOOK_DOCUMENT_DIRECTIVES",
        default_value_t = 500,
        global = true
    )]
    pub directives: u64,
    /// Maximum cost of an operation: 1 per field, multiplied by the length of each list above it
    #[arg(
        long = "operation-cost",
        env = "DAYBOOK_OPERATION_COST",
        default_value_t = 100_000,
        global = true
    )]
    pub cost: u64,
    /// Allow introspection of the GraphQL schema
    #[arg(long, env = "DAYBOOK_INTROSPECTION", default_value_t = true, action = ArgAction::Set, global = true)]
    pub introspection: bool,
}

impl Default for DocumentLimits {
    /// Returns the default of each option.
    fn default() -> Self {
        super::defaults()
    }
}
