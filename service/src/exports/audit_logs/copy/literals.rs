//! Statements with their values as literals, since COPY takes no parameters.

use std::fmt::Write;

use sea_orm::{Statement, Value};

use crate::{Error, Fault};

/// Returns the text of a statement with each placeholder replaced by a literal of its value.
pub(super) fn with_literals(statement: &Statement) -> Result<String, Error> {
    let values = statement.values.as_ref().map_or(&[][..], |values| &values.0);
    let mut parts = statement.sql.split('$');
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let number: Option<usize> = part[..end].parse().ok();
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| Fault::Bug("a placeholder without a value".to_owned()))?;
        push_literal(value, &mut sql)?;
        sql.push_str(&part[end..]);
    }
    Ok(sql)
}

/// Appends a value as an expression of its type; text escaped as libpq's `PQescapeLiteral` does it.
fn push_literal(value: &Value, sql: &mut String) -> Result<(), Error> {
    let written = match value {
        Value::BigInt(Some(number)) => write!(sql, "({number})::bigint"),
        Value::BigUnsigned(Some(number)) => write!(sql, "{number}"),
        Value::Int(Some(number)) => write!(sql, "({number})::integer"),
        Value::Uuid(Some(id)) => write!(sql, "'{id}'::uuid"),
        Value::ChronoDateTimeUtc(Some(instant)) => {
            write!(sql, "'{}'::timestamptz", instant.to_rfc3339())
        }
        Value::String(Some(text)) if !text.contains('\0') => {
            write!(sql, " E'{}'::text", text.replace('\\', r"\\").replace('\'', "''"))
        }
        other => return Err(Fault::Bug(format!("no literal of {other:?}")).into()),
    };
    written.map_err(|error| Fault::encode("a literal", error).into())
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;

    #[test]
    fn no_text_ends_its_literal() {
        let values = [r"'; DROP TABLE jobs --", r"\'", "a\\", "$1", "\u{1a}\n\t\"é"];
        for text in values {
            let values = [text.into(), Value::from(-5_i64)];
            let sql = "SELECT * FROM t WHERE a = $1 AND b > $2 LIMIT 3";
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
            let sql = with_literals(&statement).unwrap();
            let inner = sql.strip_prefix("SELECT * FROM t WHERE a =  E'").unwrap();
            let inner = inner.strip_suffix("'::text AND b > (-5)::bigint LIMIT 3").unwrap();
            let back = inner.replace(r"\\", "\\").replace("''", "'");
            assert_eq!(back, text);
            let bare = inner.replace(r"\\", "").replace("''", "");
            assert!(!bare.contains(['\\', '\'']), "{bare}");
        }
    }
}
