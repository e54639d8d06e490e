//! Conditions on values in an entry's `extra`.

use daybook_entity::audit_log::Column;
use sea_orm::{
    ColumnTrait, DbBackend, ExprTrait,
    sea_query::{Expr, SimpleExpr},
};

use super::definition::ExtraCondition;
use crate::{
    JsonText, ProblemCode,
    database::json_condition::{self, COLLATION, is_index},
    input,
    json_text::Flaw,
};

/// Maximum length of a path, in characters.
const MAX_PATH_CHARS: usize = 1_000;
/// Maximum number of steps of a path. An entry's values are nested no deeper.
const MAX_STEPS: usize = 32;
/// Maximum size of a value, in bytes of JSON.
const MAX_VALUE_BYTES: usize = 4_096;

/// Returns the problem of a path, if any.
pub(super) fn problem_of_path(path: &str) -> Option<String> {
    if path.contains('\0') {
        return Some(input::NUL.to_owned());
    }
    if path.chars().count() > MAX_PATH_CHARS {
        return Some(format!("must have at most {MAX_PATH_CHARS} characters"));
    }
    match steps(path) {
        None => Some(
            "must be a JSON Pointer: empty for the whole value, or a `/` before each name or \
             index, such as `/deploy/region` or `/tags/0`; in a name, `~1` stands for `/`, `~0` \
             for `~`"
                .to_owned(),
        ),
        Some(steps) if steps.len() > MAX_STEPS => {
            Some(format!("must have at most {MAX_STEPS} steps, has {}", steps.len()))
        }
        Some(_) => None,
    }
}

/// Returns what is wrong with a value, if anything.
pub(super) fn flaw_of_value(value: &JsonText) -> Option<Flaw> {
    let length = value.get().len();
    if length > MAX_VALUE_BYTES {
        let message = format!("must have at most {MAX_VALUE_BYTES} bytes of JSON, has {length}");
        return Some(Flaw { path: Vec::new(), code: ProblemCode::TooLarge, message });
    }
    value.examine(MAX_STEPS).err()
}

/// Returns the condition in SQL, by PostgreSQL's own comparison or SQLite's collation.
pub(super) fn condition(condition: &ExtraCondition, backend: DbBackend) -> SimpleExpr {
    let ExtraCondition { path, equals } = condition;
    // A path that is no pointer is refused before.
    let steps = steps(path).unwrap_or_default();
    if backend != DbBackend::Postgres {
        let text = Expr::val(json_condition::text(&steps, equals.get()));
        let text = Expr::cust_with_expr(format!("? COLLATE {COLLATION}"), text);
        return Column::Extra.into_expr().eq(text);
    }
    let whole = Expr::cust_with_expr("CAST($1 AS jsonb)", Expr::col(Column::Extra.as_column_ref()));
    let runs = steps.chunk_by(|one, other| !is_number_only(one) && !is_number_only(other));
    let place = runs.fold(whole, |place, run| match run {
        // `#>` would take `-1` and `01` for an index, too. What is written here has no quotes.
        [name] if is_number_only(name) => Expr::cust_with_expr(format!("($1 -> '{name}')"), place),
        _ => {
            let path = [place, Expr::val(array(run))];
            Expr::cust_with_exprs("($1 #> CAST($2 AS text[]))", path)
        }
    });
    let value = Expr::cust_with_expr("CAST($1 AS jsonb)", Expr::val(equals.get()));
    place.eq(value)
}

/// True for a step that PostgreSQL reads as an index and a JSON Pointer does not, and some others
/// of the same characters.
fn is_number_only(step: &str) -> bool {
    let is_of_number = |byte: u8| byte.is_ascii_digit() || b"+- \t\n\x0B\x0C\r".contains(&byte);
    !is_index(step) && !step.is_empty() && step.bytes().all(is_of_number)
}

/// Returns an array of texts in PostgreSQL's notation.
fn array(texts: &[String]) -> String {
    let quoted = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", texts.iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// Returns the steps of a JSON Pointer (RFC 6901); none if `path` is none.
fn steps(path: &str) -> Option<Vec<String>> {
    let Some(rest) = path.strip_prefix('/') else { return path.is_empty().then(Vec::new) };
    rest.split('/').map(step).collect()
}

fn step(escaped: &str) -> Option<String> {
    let mut parts = escaped.split('~');
    let mut step = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match part.split_at_checked(1)? {
            ("0", rest) => ('~', rest),
            ("1", rest) => ('/', rest),
            _ => return None,
        };
        step.push(sign);
        step.push_str(rest);
    }
    Some(step)
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn pointers_are_read_as_the_standard_says() {
        let read = |path| steps(path).map(|steps| steps.join("|"));
        for (path, expected) in [
            ("", Some("")),
            ("/", Some("")),
            ("/a/b", Some("a|b")),
            ("/a~1b/m~0n/~01", Some("a/b|m~n|~1")),
            ("/a.b/é/0/", Some("a.b|é|0|")),
            ("a", None),
            ("/a~", None),
            ("/a~2", None),
            ("/~é", None),
        ] {
            assert_eq!(read(path).as_deref(), expected, "{path}");
        }
    }
}
