//! Searches in each engine's own query language.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{
    DbBackend, Value,
    sea_query::{Expr, SimpleExpr},
};
use uuid::Uuid;

use super::Term;

/// Returns the prefix of an organization's words on PostgreSQL. Two organizations may share a
/// prefix; each row names its organization.
pub(super) fn prefix(organization_id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(&organization_id.as_bytes()[13..])
}

/// Returns the query for all words in PostgreSQL's language. Words are quoted, and have no
/// character that would need escaping.
pub(super) fn tsquery(organization_id: Uuid, words: &[Term]) -> Value {
    let prefix = prefix(organization_id);
    let quoted = |Term { word, is_prefix }: &Term| {
        let suffix = if *is_prefix { ":*" } else { "" };
        format!("'{prefix}{word}'{suffix}")
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" & ").into()
}

/// Returns the query for all words in FTS5's language, quoted in the same way.
pub(super) fn fts5(words: &[Term]) -> Value {
    let quoted = |Term { word, is_prefix }: &Term| {
        let suffix = if *is_prefix { "*" } else { "" };
        format!("\"{word}\"{suffix}")
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ").into()
}

/// Returns an SQL expression that has a `?` for each value.
pub(super) fn cust<I: IntoIterator<Item = Value>>(
    sql: &str,
    values: I,
    backend: DbBackend,
) -> SimpleExpr {
    let mut numbered = String::with_capacity(sql.len());
    let mut count = 0;
    for c in sql.chars() {
        if c == '?' && backend == DbBackend::Postgres {
            count += 1;
            numbered.push_str(&format!("${count}"));
        } else {
            numbered.push(c);
        }
    }
    Expr::cust_with_values(numbered, values)
}
