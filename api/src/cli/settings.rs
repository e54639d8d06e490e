//! Settings by their flags and variables: names of settings as the user gave them, and variables that are no settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use clap::{Args, Command};

use crate::config::Config;

/// Prefix of all of Daybook's environment variables.
const VARIABLE_PREFIX: &str = "DAYBOOK_";
/// Minimum similarity (Jaro-Winkler) of a known variable for it to be suggested.
const MIN_SIMILARITY: f64 = 0.85;

/// Maps each variable to its flag and to the name that clap's errors use for the flag.
fn settings() -> BTreeMap<String, (String, String)> {
    let mut command = Config::augment_args(Command::new("daybook"));
    // Needed before an argument can be displayed.
    command.build();
    let mut found = BTreeMap::new();
    for argument in command.get_arguments() {
        if let (Some(variable), Some(flag)) = (argument.get_env(), argument.get_long()) {
            let variable = variable.to_string_lossy().into_owned();
            found.insert(variable, (format!("--{flag}"), argument.to_string()));
        }
    }
    found
}

fn is_given(flag: &str) -> bool {
    let is_it = |argument: &str| {
        argument.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    env::args_os().skip(1).any(|argument| argument.to_str().is_some_and(is_it))
}

/// Replaces flags in clap's text by variables if the setting was given by its variable.
pub(super) fn by_variable(text: &str) -> String {
    let mut text = text.to_owned();
    for (variable, (flag, shown)) in settings() {
        if env::var_os(&variable).is_some() && !is_given(&flag) {
            text = text.replace(&format!("'{shown}'"), &variable);
        }
    }
    text
}

/// Replaces variables in a text by flags if the setting was given by its flag.
pub(super) fn as_given(text: &str) -> String {
    if !text.contains(VARIABLE_PREFIX) {
        return text.to_owned();
    }
    let settings = settings();
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let mut said = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(VARIABLE_PREFIX) {
        let (before, from) = rest.split_at(start);
        let (name, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        let flag = settings.get(name).map(|(flag, _)| flag).filter(|flag| is_given(flag));
        said.push_str(before);
        said.push_str(flag.map_or(name, String::as_str));
        rest = after;
    }
    said + rest
}

/// Warnings about variables that have Daybook's prefix but are not settings.
pub(super) fn unknown_variables() -> Vec<String> {
    let known: BTreeSet<_> = settings().into_keys().collect();
    let given = env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    });
    let mut unknown: Vec<_> = given
        .filter(|(name, value)| {
            name.starts_with(VARIABLE_PREFIX)
                && !known.contains(name)
                && !is_of_a_service(name, value)
        })
        .map(|(name, _)| complaint(&name, &known))
        .collect();
    unknown.sort();
    unknown
}

fn complaint(name: &str, known: &BTreeSet<String>) -> String {
    let alike = |other: &&String| {
        strsim::jaro_winkler(&name[VARIABLE_PREFIX.len()..], &other[VARIABLE_PREFIX.len()..])
    };
    let nearest = known.iter().max_by(|one, other| alike(one).total_cmp(&alike(other)));
    match nearest.filter(|nearest| alike(nearest) >= MIN_SIMILARITY) {
        Some(nearest) => {
            format!("{name} is not a setting and is ignored; did you mean {nearest}?")
        }
        None => format!("{name} is not a setting and is ignored; see `daybook serve --help`"),
    }
}

/// Returns true for variables that Kubernetes and Docker set for a service named `daybook`.
fn is_of_a_service(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || name.ends_with("_PORT") && value.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_variable_is_told_with_the_right_one() {
        let known = settings().into_keys().collect();
        for (name, meant) in [
            ("DAYBOOK_LISTN", "DAYBOOK_LISTEN"),
            ("DAYBOOK_DATABSE_URL", "DAYBOOK_DATABASE_URL"),
            ("DAYBOOK_PUBLICURL", "DAYBOOK_PUBLIC_URL"),
            ("DAYBOOK_ARTIFACT_URL", "DAYBOOK_ARTIFACTS_URL"),
            ("DAYBOOK_SECRETFILE", "DAYBOOK_SECRET_FILE"),
        ] {
            assert!(complaint(name, &known).contains(&format!("mean {meant}?")), "{name}");
        }
        assert!(complaint("DAYBOOK_XYZ", &known).contains("--help"));
    }

    #[test]
    fn what_an_orchestrator_sets_is_no_setting_of_anybody_s() {
        for (name, value) in [
            ("DAYBOOK_SERVICE_HOST", "10.0.0.1"),
            ("DAYBOOK_SERVICE_PORT_HTTP", "80"),
            ("DAYBOOK_PORT", "tcp://10.0.0.1:80"),
            ("DAYBOOK_PORT_80_TCP_ADDR", "10.0.0.1"),
        ] {
            assert!(is_of_a_service(name, value), "{name}");
        }
        assert!(!is_of_a_service("DAYBOOK_PORT", "8080"), "somebody means to set the port");
    }
}
