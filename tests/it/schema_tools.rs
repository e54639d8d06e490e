//! The schema as the tools of those who write clients see it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use daybook_tests::{clients, fields::OPERATIONS, json};

/// A tool of `tests/clients`, run where the schema is.
fn run(tool: &str, arguments: &[&str]) -> Output {
    let script = clients::script(tool);
    let output =
        Command::new("node").arg(script).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{tool}: {output:?}");
    output
}

#[test]
fn schema_satisfies_the_rules_of_graphql_eslint() {
    let output = run(
        "node_modules/eslint/bin/eslint.js",
        &["--config", "tests/clients/eslint.config.mjs", "--max-warnings", "0", "schema.graphql"],
    );
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn released_schema_is_not_broken_in_the_eyes_of_graphql_inspector() {
    for released in released() {
        let output = run("breaks.mjs", &[&released, "schema.graphql"]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{released}");
    }
}

/// The contract, and the schema of every version that the changelog names.
fn released() -> Vec<String> {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let versions = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let mut released = vec!["tests/contract.graphql".to_owned()];
    for version in versions.filter(|heading| *heading != "Unreleased") {
        let version = version.trim_start_matches('[').split([']', ' ']).next().unwrap();
        let path = format!("tests/released/{version}.graphql");
        assert!(root().join(&path).exists(), "a release leaves its schema.graphql as {path}");
        released.push(path);
    }
    released
}

#[test]
fn types_that_graphql_codegen_makes_are_strict_typescript() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let documents: Vec<_> =
        OPERATIONS.iter().enumerate().map(|(at, it)| named(it.document, at)).collect();
    fs::write(path("documents.json"), json!(documents).to_string()).unwrap();
    run("types.mjs", &["schema.graphql", &path("documents.json"), &path("")]);
    let made = [path("schema.ts"), path("documents.ts")];
    let types = fs::read_to_string(&made[1]).unwrap();
    for (at, document) in documents.iter().enumerate() {
        assert!(types.contains(&format!("export type Operation{at}")), "{document}");
    }
    run(
        "node_modules/typescript/bin/tsc",
        &["--strict", "--noEmit", "--ignoreConfig", &made[0], &made[1]],
    );
}

/// `document` with a name, without which nothing is made of it.
fn named(document: &str, at: usize) -> String {
    let kind = ["query", "mutation", "subscription"]
        .into_iter()
        .find(|kind| document.starts_with(kind))
        .unwrap_or_default();
    let word = if kind.is_empty() { "query" } else { kind };
    format!("{word} Operation{at}{}", &document[kind.len()..])
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
