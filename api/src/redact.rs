//! Redacts possible secrets in messages and logs, so that a credential that was given in the wrong place
//! is not repeated there.

/// Text that replaces a secret.
const REDACTED: &str = "***";
/// Minimum number of characters after `eyJ` for a text to count as a token; words in prose are shorter.
const MIN_TOKEN_CHARS: usize = 16;
/// Parts of names of URL parameters whose values are redacted.
const SECRET_PARAMETERS: [&str; 6] = ["pass", "secret", "token", "key", "signature", "credential"];

/// Returns `text` with API keys, bearer tokens and credentials in URLs redacted.
#[must_use]
pub fn text(text: &str) -> String {
    let text = hide_runs(text, "dbk_", 1, |c| c.is_ascii_alphanumeric() || c == '_');
    let is_token_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let text = hide_runs(&text, "eyJ", MIN_TOKEN_CHARS, is_token_char);
    hide_in_urls(&text)
}

/// Returns `url` with its password and parameters that may be secret redacted.
#[must_use]
pub fn url(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", without_credentials(scheme, rest)),
        // For example a URL without its scheme.
        None => text(&without_credentials("", url)),
    }
}

/// Redacts runs of matching characters after `mark` that have at least `shortest` characters.
fn hide_runs(text: &str, mark: &str, shortest: usize, is_part: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(mark) {
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        shown.push_str(before);
        shown.push_str(mark);
        // Each matching character is one byte.
        if end >= shortest {
            shown.push_str(REDACTED);
            rest = &after[end..];
        } else {
            rest = after;
        }
    }
    shown + rest
}

fn hide_in_urls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = url_end(after);
        let start = before.rfind(|c: char| !is_scheme_char(c)).map_or(0, |at| at + 1);
        // `at` is the first byte of a character, so `at + 1` may be within it.
        let scheme = before.get(start..).unwrap_or_default();
        shown.push_str(before);
        shown.push_str("://");
        shown.push_str(&without_credentials(scheme, &after[..end]));
        rest = &after[end..];
    }
    shown + rest
}

/// End of a URL in a text: a blank or quote, the next URL of a list, or, if a password seems to contain
/// a blank, the end of the password.
fn url_end(after: &str) -> usize {
    let is_end =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    let end = after.find(is_end).unwrap_or(after.len());
    if let Some(next) = after[..end].find("://") {
        return after[..next].rfind(|c: char| !is_scheme_char(c)).unwrap_or(next);
    }
    let line = after.lines().next().unwrap_or_default();
    match (after[..end].contains('@'), after[..end].split_once(':'), line.rfind('@')) {
        (false, Some((_, port)), Some(at)) if !is_port(port) && at > end => at + 1,
        _ => end,
    }
}

fn is_scheme_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
}

/// Returns true if `text` can follow the colon of `HOST:PORT/…`.
fn is_port(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .starts_with(|c| !char::is_alphanumeric(c))
        || text.chars().all(|c| c.is_ascii_digit())
}

/// Redacts the password in the part of a URL after `scheme://`. The password ends at the last `@`, since
/// one that is not percent-encoded may contain any character.
fn without_credentials(scheme: &str, rest: &str) -> String {
    let rest = match rest.rsplit_once('@') {
        Some((login, place)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:{REDACTED}@{place}"),
            // A login without a colon may be a token, except for PostgreSQL, where it is a user name.
            None if scheme.starts_with("postgres") || login.contains('/') => rest.to_owned(),
            None => format!("{REDACTED}@{place}"),
        },
        None => rest.to_owned(),
    };
    let Some((place, parameters)) = rest.split_once('?') else { return rest };
    let parameters = parameters.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if is_secret_parameter(name) => format!("{name}={REDACTED}"),
        Some(_) | None => parameter.to_owned(),
    });
    format!("{place}?{}", parameters.collect::<Vec<_>>().join("&"))
}

fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_PARAMETERS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn credentials_are_hidden_wherever_they_stand() {
        let key = format!("dbk_{}_{}", "1a".repeat(8), "f0".repeat(32));
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl";
        for (given, shown) in [
            (format!("unexpected argument '{key}' found"), "unexpected argument 'dbk_***' found"),
            (format!("{token} is no member of acme"), "eyJ*** is no member of acme"),
            (format!("{key}{token}, {key}"), "dbk_***.eyJ***, dbk_***"),
            (
                "the part between `dbk_` and `_`; eyJ.".to_owned(),
                "the part between `dbk_` and `_`; eyJ.",
            ),
            (
                "postgres://ada:geheim@db:5432/x?sslmode=off".to_owned(),
                "postgres://ada:***@db:5432/x?sslmode=off",
            ),
            (
                "postgres://ada@db/x?password=geheim&b=1".to_owned(),
                "postgres://ada@db/x?password=***&b=1",
            ),
            (
                "'postgres://ada:ge@he/i?m#@db/x' failed".to_owned(),
                "'postgres://ada:***@db/x' failed",
            ),
            ("postgres://ada:ge heim@db/x failed".to_owned(), "postgres://ada:***@db/x failed"),
            (
                "nats://geheim@a,tls://ada:geheim@b:4222".to_owned(),
                "nats://***@a,tls://ada:***@b:4222",
            ),
            (
                "http://localhost:8080/graphql for ada@acme.test".to_owned(),
                "http://localhost:8080/graphql for ada@acme.test",
            ),
            (
                "http://localhost:8080 for ada@acme.test".to_owned(),
                "http://localhost:8080 for ada@acme.test",
            ),
            (
                "https://acme.test/?to=ada@acme.test é://é".to_owned(),
                "https://acme.test/?to=ada@acme.test é://é",
            ),
        ] {
            assert_eq!(text(&given), shown, "{given}");
        }
        assert_eq!(url("postgres://ada:ge heim'@db/x"), "postgres://ada:***@db/x");
        assert_eq!(url("sqlite:///tmp/a b.db"), "sqlite:///tmp/a b.db");
        assert_eq!(url("ada:geheim@db/x?password=geheim"), "ada:***@db/x?password=***");
    }

    proptest! {
        #[test]
        fn any_text_can_be_shown(any in "\\PC{0,40}|([a-z@:/?=& ]|://|dbk_|eyJ){0,12}") {
            let once = text(&any);
            prop_assert_eq!(text(&once), once.clone());
            let _ = url(&any);
        }
    }
}
