//! The settings: each has an owner, a default and a reason to change it, and is on the page about them; none is
//! ignored without a word.

use std::{collections::BTreeMap, fs, time::Duration};

use clap::{Arg, Args, Command};
use daybook_api::config::Config;
use daybook_tests::{Backend, Process, TestServer, binary, json};
use tempfile::TempDir;

use crate::{
    deploy::{DEPLOY, words},
    docs::{read, root},
    start::failure,
};

/// Describes the settings; their tables are made from the options.
const PAGE: &str = "api/docs/settings.md";
/// Time within which a setting is refused.
const LIMIT: Duration = Duration::from_secs(20);
/// First lines of each table.
const TABLE_HEAD: &str =
    "| variable | default | meaning | when to change it |\n|---|---|---|---|\n";

/// Returns the settings that `--help` shows.
fn shown() -> Vec<Arg> {
    let command = Config::augment_args(Command::new("daybook"));
    command.get_arguments().filter(|setting| !setting.is_hide_set()).cloned().collect()
}

fn variable(setting: &Arg) -> String {
    let variable = setting.get_env();
    let variable = variable.unwrap_or_else(|| panic!("{} has no variable", setting.get_id()));
    variable.to_str().unwrap().to_owned()
}

/// Splits the first paragraph of a setting's help into its meaning and its default, without markup.
fn meaning_and_default(setting: &Arg) -> (String, String) {
    let help = setting.get_help().unwrap().to_string();
    let told = help.split_once(" [default: ").map(|(meaning, default)| {
        (meaning.to_owned(), default.strip_suffix(']').expect("the default comes last").to_owned())
    });
    let values = setting.get_default_values().iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap().to_owned()).collect();
    match (told, values.is_empty()) {
        (Some(told), true) => told,
        (None, false) => (help, values.join(",")),
        (Some(_), false) => panic!("{} has two defaults", variable(setting)),
        (None, true) => panic!("{}: say [default: …] at the end of: {help}", variable(setting)),
    }
}

/// Returns the second paragraph of a setting's help.
fn reason(setting: &Arg) -> String {
    let name = variable(setting);
    let long = setting.get_long_help().map(ToString::to_string).unwrap_or_default();
    let (_, reason) = long
        .split_once("\n\n")
        .unwrap_or_else(|| panic!("{name}: say in a second paragraph when to change it: {long}"));
    assert!(reason.ends_with('.') && !reason.contains("\n\n"), "{name}: {reason}");
    reason.to_owned()
}

/// Returns the values of a setting that has few, each with its meaning.
fn values(setting: &Arg) -> String {
    let values = setting.get_possible_values();
    let told = values
        .iter()
        .filter_map(|value| Some(format!("`{}`: {}", value.get_name(), value.get_help()?)));
    told.collect::<Vec<_>>().join("; ")
}

fn row(setting: &Arg, by_flag: &BTreeMap<String, String>) -> String {
    // Who reads the page sets variables.
    let by_variable = |text: &str| {
        let words = text.split(' ').map(|word| {
            let flag = word.trim_end_matches([',', ':', ';', '.']);
            match by_flag.get(flag) {
                Some(variable) => word.replace(flag, &format!("`{variable}`")),
                None => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let (meaning, default) = meaning_and_default(setting);
    let is_value = default != "none" && !default.contains(' ');
    let default = if is_value { format!("`{default}`") } else { by_variable(&default) };
    let values = values(setting);
    let values = if values.is_empty() { values } else { format!(". {values}") };
    let (meaning, reason) = (by_variable(&meaning), by_variable(&reason(setting)));
    let row = format!("| `{}` | {default} | {meaning}{values} | {reason} |\n", variable(setting));
    assert_eq!(row.matches('|').count(), 5, "{row}");
    row
}

/// Returns the chapters of the page with their tables, in the order of `--help`.
fn tables() -> Vec<(String, String)> {
    let settings = shown();
    let by_flag = settings
        .iter()
        .map(|setting| (format!("--{}", setting.get_long().unwrap()), variable(setting)));
    let by_flag: BTreeMap<_, _> = by_flag.collect();
    let mut tables: Vec<(String, String)> = Vec::new();
    for setting in &settings {
        let heading = setting.get_help_heading();
        let heading = heading.unwrap_or_else(|| panic!("{} has no owner", variable(setting)));
        let row = row(setting, &by_flag);
        match tables.iter_mut().find(|(known, _)| known == heading) {
            Some((_, table)) => table.push_str(&row),
            None => tables.push((heading.to_owned(), format!("{TABLE_HEAD}{row}"))),
        }
    }
    tables
}

#[test]
fn page_has_each_setting_with_owner_default_and_reason() {
    let mut page = read(PAGE);
    let tables = tables();
    let is_updated = std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always");
    let mut from = 0;
    for (heading, table) in &tables {
        let head = format!("\n## {heading}\n\n");
        let chapter = page[from..].find(&head);
        let chapter = chapter.unwrap_or_else(|| panic!("{PAGE} needs a chapter ## {heading}"));
        let begin = from + chapter + head.len();
        let end = page[begin..].find("\n## ").map_or(page.len(), |end| begin + end + 1);
        let start = page[begin..end].find(TABLE_HEAD).map(|start| begin + start);
        let start = start.unwrap_or_else(|| panic!("## {heading} needs a table: {TABLE_HEAD}"));
        let stop = page[start..end].find("|\n\n").map_or(end, |stop| start + stop + 2);
        if is_updated {
            page.replace_range(start..stop, table);
        }
        let found = page[start..stop.min(page.len())].trim_end();
        assert!(
            is_updated || found == table.trim_end(),
            "## {heading} in {PAGE} is not what the options say; INSTA_UPDATE=always make test \
             ARGS=page_has_each_setting writes it anew:\n{table}"
        );
        from = begin;
    }
    if is_updated {
        fs::write(root().join(PAGE), &page).unwrap();
    }
    let rows = page.lines().filter(|line| line.starts_with("| `DAYBOOK_")).count();
    assert_eq!(rows, shown().len(), "a setting is twice on the page, or no longer one");
}

#[test]
fn every_variable_in_documents_and_deployments_is_a_setting() {
    let known: Vec<_> = shown().iter().map(variable).collect();
    let documents = ["README.md", "CHANGELOG.md", "ARCHITECTURE.md", PAGE];
    let names = documents.iter().chain(&DEPLOY).map(|file| (file, words(&read(file), "DAYBOOK_")));
    let mut count = 0;
    for (file, names) in names {
        // A name that ends in an underscore is the beginning of several.
        let is_one = |name: &String| !name.starts_with("DAYBOOK_TEST_") && !name.ends_with('_');
        for name in names.into_iter().filter(is_one) {
            assert!(known.contains(&name), "{file} names {name}, which is no setting");
            count += 1;
        }
    }
    assert!(count > 80, "{count}");
}

#[test]
fn help_is_grouped_by_owner_and_leaves_out_what_only_tests_set() {
    let help = binary::stdout(binary::daybook(root()).args(["serve", "--help"]));
    let mut last = 0;
    for (heading, _) in tables() {
        if heading == "Commands" {
            continue;
        }
        let found = help.find(&format!("\n{heading}:\n")).unwrap_or_else(|| panic!("{heading}"));
        assert!(found > last, "{heading} comes too early");
        last = found;
    }
    let token = binary::stdout(binary::daybook(root()).args(["token", "--help"]));
    let add = binary::stdout(binary::daybook(root()).args(["member", "set", "--help"]));
    for setting in shown() {
        // A command shows what it uses.
        let heading = setting.get_help_heading().unwrap();
        let is_place = ["One node", "A cluster"].contains(&heading);
        let is_command = heading == "Commands";
        let variable = variable(&setting);
        let is_in = |help: &str| help.contains(&format!("[env: {variable}"));
        assert_eq!(is_in(&help), !is_command, "{variable}");
        assert_eq!([is_in(&token), is_in(&add)], [is_place || is_command; 2], "{variable}");
    }
    let command = Config::augment_args(Command::new("daybook"));
    let hidden: Vec<_> = command.get_arguments().filter(|setting| setting.is_hide_set()).collect();
    assert!(!hidden.is_empty());
    for setting in hidden {
        assert!(!help.contains(&variable(setting)), "{}", variable(setting));
    }
}

#[test]
fn setting_that_would_have_no_effect_is_refused() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    for (name, value, needed) in [
        ("DAYBOOK_BACKUP_TIME_ZONE", "Europe/Berlin", "DAYBOOK_BACKUP_SCHEDULE"),
        ("DAYBOOK_BACKUP_KEEP", "7", "DAYBOOK_BACKUP_SCHEDULE"),
        ("DAYBOOK_BACKUP_MAX_AGE", "90d", "DAYBOOK_BACKUP_SCHEDULE"),
        ("DAYBOOK_ARTIFACT_LINKS", "presigned", "a bucket: set DAYBOOK_ARTIFACTS_URL"),
        ("DAYBOOK_OIDC_AUDIENCE", "daybook", "DAYBOOK_OIDC_ISSUER"),
        ("DAYBOOK_OIDC_JWKS_URL", "https://id.acme.test/keys", "DAYBOOK_OIDC_ISSUER"),
        ("DAYBOOK_OIDC_ROLES", "groups:a=acme:ADMIN", "DAYBOOK_OIDC_ISSUER"),
        ("DAYBOOK_NATS_CREDENTIALS", "nats.creds", "DAYBOOK_NATS_URL"),
        ("DAYBOOK_NATS_CA", "ca.pem", "DAYBOOK_NATS_URL"),
    ] {
        let words = format!("{name} has no effect without {needed}");
        for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["worker"]] {
            let mut command = binary::daybook(folder.path());
            let said = failure(command.env(name, value).args(arguments), 1, LIMIT);
            assert!(said.contains(&words), "{name}, {arguments:?}: {said}");
        }
        let mut doctor = binary::daybook(folder.path());
        let output = doctor.env(name, value).arg("doctor").output().unwrap();
        let found = binary::stdout_of(&output);
        assert!(!output.status.success() && found.contains(&words), "{name}: {found}");
    }
    let replica = [("DAYBOOK_DATABASE_REPLICA_URL", "postgres://ada@127.0.0.1:1/daybook")];
    let mut serve = binary::daybook(folder.path());
    serve.envs(replica).args(["serve", "--listen", "127.0.0.1:0"]);
    let said = failure(&mut serve, 1, LIMIT);
    let words = "DAYBOOK_DATABASE_REPLICA_URL can't be used: only PostgreSQL has replicas";
    assert!(said.contains(words), "{said}");
    // A flag is called by its own name.
    let mut serve = binary::daybook(folder.path());
    let said = failure(serve.args(["serve", "--backup-keep", "3"]), 1, LIMIT);
    assert!(said.contains("unset --backup-keep") && !said.contains("BACKUP_KEEP"), "{said}");
}

#[tokio::test]
async fn process_without_jobs_says_that_it_follows_no_schedule() {
    let server = TestServer::start_idle(Backend::Postgres).await;
    let schedule = [("DAYBOOK_BACKUP_SCHEDULE", "0 0 1 1 *".to_owned())];
    let mut idle = Process::serve_idle_with(&server.config, &schedule).await;
    let told = "DAYBOOK_BACKUP_SCHEDULE takes effect only in processes that do";
    assert!(idle.log().contains(told), "{}", idle.log());
    idle.stop().await;
    let mut worker = Process::worker_with(&server.config, &schedule).await;
    assert!(!worker.log().contains(told), "{}", worker.log());
    worker.stop().await;
    server.finish().await;
}

#[tokio::test]
async fn without_graphiql_there_is_no_introspection() {
    let text = "{ __schema { queryType { name } } }";
    for is_allowed in [true, false] {
        let server = TestServer::start_idle_with(Backend::Sqlite, |config| {
            config.server_limits.graphiql = is_allowed;
        })
        .await;
        let client = server.anonymous();
        let page = client.http.get(server.url("/graphql")).header("accept", "text/html");
        let page = page.send().await.unwrap();
        let is_page = page.headers()["content-type"].to_str().unwrap().starts_with("text/html");
        assert_eq!(page.status() == 200 && is_page, is_allowed);
        let answer = client.send(text, json!({})).await;
        assert_eq!(answer.body.get("errors").is_none(), is_allowed, "{}", answer.body);
        client.query("{ __typename }", json!({})).await;
        server.finish().await;
    }
}
