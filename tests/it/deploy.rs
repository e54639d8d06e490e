//! The files under `api/deploy/`: what they name exists, and linters accept them.

use std::{collections::BTreeSet, process::Command};

use daybook_tests::{Value, binary};

use crate::docs::{read, root};

const ALERTS: &str = "api/deploy/prometheus-alerts.yml";
const DASHBOARD: &str = "api/deploy/grafana-dashboard.json";
pub(crate) const DEPLOY: [&str; 6] = [
    ALERTS,
    DASHBOARD,
    "api/deploy/Dockerfile",
    "api/deploy/compose.yml",
    "api/deploy/daybook.service",
    "api/deploy/kubernetes.yml",
];

/// Returns the words of a text that begin with `start`.
pub(crate) fn words(text: &str, start: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with(start)).map(str::to_owned).collect()
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_there_are() {
    let readme = read("README.md");
    for (file, least) in [(ALERTS, 5), (DASHBOARD, 12)] {
        let names = words(&read(file), "daybook_");
        assert!(names.len() > least, "{file}: {names:?}");
        for name in names {
            // A histogram is told of by its own name.
            let metric = name.trim_end_matches("_count").trim_end_matches("_bucket");
            let is_told = readme.contains(&format!("`{metric}`"));
            assert!(is_told, "{file}: README.md does not tell of {metric}");
        }
    }
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let readme = read("README.md");
    let (_, metrics) = readme.split_once("## Metrics").unwrap();
    let told = words(metrics.split("\n## ").next().unwrap(), "daybook_");
    assert!(told.len() > 12, "{told:?}");
    let dashboard = read(DASHBOARD);
    for name in told {
        assert!(dashboard.contains(&name), "{name}");
    }
}

/// Runs a program of `make readers` in the folder of the deployment files.
fn passes(program: &str, arguments: &[&str]) {
    let path = root().join("target/readers/bin").join(program);
    assert!(path.exists(), "run `make readers` first");
    let mut command = Command::new(path);
    let output = command.args(arguments).current_dir(root().join("api/deploy")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &binary::stderr(&output);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

#[test]
fn linters_have_nothing_to_say() {
    passes("hadolint", &["Dockerfile"]);
    passes("kubernetes-validate", &["--strict", "kubernetes.yml"]);
    let rules = "{extends: default, rules: {line-length: {max: 120}, document-start: disable, \
        braces: {max-spaces-inside: 1}}}";
    passes(
        "yamllint",
        &["--strict", "-d", rules, "compose.yml", "kubernetes.yml", "prometheus-alerts.yml"],
    );
}

/// Cargo reads the manifest of each member, also of those that it doesn't build.
#[test]
fn context_of_the_image_holds_every_member_of_the_workspace() {
    let ignored = read("api/deploy/Dockerfile.dockerignore");
    let manifest = read("Cargo.toml");
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    for member in members.split(',').map(|member| member.trim().trim_matches('"')) {
        let names = [format!("!{member}"), format!("!{member}/Cargo.toml")];
        let is_there = |line: &str| names.iter().any(|name| name == line);
        assert!(ignored.lines().any(is_there), "{member}");
    }
}

#[test]
fn alerts_tell_when_they_should() {
    let played = read("tests/deploy/alerts.yml");
    let alerts = read(ALERTS);
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        let asked = format!("alertname: {name}\n");
        let tells = played.split(&asked).skip(1);
        let tells = tells.filter(|rest| rest.trim_start().starts_with("exp_alerts:"));
        assert!(tells.count() > 0, "{name} is never seen to tell");
    }
    let mut command = Command::new("promtool");
    command.args(["test", "rules", "alerts.yml"]).current_dir(root().join("tests/deploy"));
    let missing = "no promtool: run `make readers`, or install Debian's package prometheus";
    let output = command.output().expect(missing);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &binary::stderr(&output);
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_expression_is_promql() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let panels: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(panels.len() > 12, "{panels:?}");
    // Grafana puts the interval in.
    let panels = serde_json::to_string(&panels).unwrap().replace("$__rate_interval", "5m");
    let script = "import json, sys, yaml, promql_parser
groups = yaml.safe_load(open('prometheus-alerts.yml'))['groups']
rules = [rule['expr'] for group in groups for rule in group['rules']]
assert len(rules) > 6, rules
for expression in rules + json.loads(sys.argv[1]):
    promql_parser.parse(expression)";
    passes("python", &["-c", script, &panels]);
}
