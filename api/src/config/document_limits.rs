//! How large a GraphQL document may be.

use clap::{ArgAction, Args};

/// Limits on a document. Each is checked before anything is run, the first ones before parsing.
#[derive(Args, Clone, Debug)]
pub struct DocumentLimits {
    /// Longest GraphQL document, in bytes
    #[arg(long = "document-bytes", env = "DAYBOOK_DOCUMENT_BYTES", default_value_t = 256 * 1024, global = true)]
    pub bytes: usize,
    /// Most tokens of a document
    #[arg(
        long = "document-tokens",
        env = "DAYBOOK_DOCUMENT_TOKENS",
        default_value_t = 15_000,
        global = true
    )]
    pub tokens: usize,
    /// Most operations and fragments of a document
    #[arg(
        long = "document-definitions",
        env = "DAYBOOK_DOCUMENT_DEFINITIONS",
        default_value_t = 500,
        global = true
    )]
    pub definitions: usize,
    /// Most fields below one another
    #[arg(
        long = "document-depth",
        env = "DAYBOOK_DOCUMENT_DEPTH",
        default_value_t = 32,
        global = true
    )]
    pub depth: u64,
    /// Most fields, fragments spread and lists counted once
    #[arg(
        long = "document-fields",
        env = "DAYBOOK_DOCUMENT_FIELDS",
        default_value_t = 5_000,
        global = true
    )]
    pub fields: u64,
    /// Most fields with an alias
    #[arg(
        long = "document-aliases",
        env = "DAYBOOK_DOCUMENT_ALIASES",
        default_value_t = 500,
        global = true
    )]
    pub aliases: u64,
    /// Most fields at an operation's root
    #[arg(
        long = "document-root-fields",
        env = "DAYBOOK_DOCUMENT_ROOT_FIELDS",
        default_value_t = 100,
        global = true
    )]
    pub root_fields: usize,
    /// Most directives
    #[arg(
        long = "document-directives",
        env = "DAYBOOK_DOCUMENT_DIRECTIVES",
        default_value_t = 500,
        global = true
    )]
    pub directives: u64,
    /// Most that an operation may cost: a field is one, what is below a list as often as it's long
    #[arg(
        long = "operation-cost",
        env = "DAYBOOK_OPERATION_COST",
        default_value_t = 100_000,
        global = true
    )]
    pub cost: u64,
    /// Whether the schema can be asked for
    #[arg(long, env = "DAYBOOK_INTROSPECTION", default_value_t = true, action = ArgAction::Set, global = true)]
    pub introspection: bool,
}

impl Default for DocumentLimits {
    /// As if nothing were said.
    fn default() -> Self {
        super::defaults()
    }
}
