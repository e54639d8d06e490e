//! The command line: its output, changes and exit codes.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, binary, eventually, json, on_each_engine};
use tempfile::TempDir;

const MEMBERSHIPS: &str =
    "{ viewer { subject email isOperator memberships { role organization { slug } } } }";

#[on_each_engine]
async fn organization_is_created_once(server: &TestServer) {
    let id = succeed(server, &["organization", "create", "acme", "--name", "Acme & Söhne"]);
    let admin = server.client(&id, Role::Admin).await;
    let query = "query($id: ID!) { organization(id: $id) { slug name } }";
    let found = admin.query(query, json!({ "id": id })).await;
    assert_eq!(found["organization"], json!({ "slug": "acme", "name": "Acme & Söhne" }));
    fail(server, &["organization", "create", "acme", "--name", "Other"], 1, "acme exists already");
    for slug in ["Acme", "a_b", "-a", "a-", "", &"a".repeat(64)] {
        fail(
            server,
            &["organization", "create", "--name", "n", "--", slug],
            1,
            "slug: must have 1 to 63",
        );
    }
    fail(
        server,
        &["organization", "create", "globex", "--name", ""],
        1,
        "name: must have 1 to 500",
    );
    fail(server, &["organization", "create", "globex"], 2, "--name");
}

#[on_each_engine]
async fn token_makes_a_member_and_keeps_the_role_that_is_there(server: &TestServer) {
    server.organization("acme").await;
    let token = ["token", "--organization", "acme", "--role"];
    let with = |rest: &[&'static str]| [&token[..], rest].concat();
    let auditor =
        succeed(server, &with(&["auditor", "--subject", "eve", "--email", "eve@acme.test"]));
    assert_eq!(auditor.split('.').count(), 3, "nothing but a token: {auditor}");
    assert!(auditor.split_whitespace().count() == 1 && !auditor.contains('\n'));
    let viewer = client(server, &auditor).query(MEMBERSHIPS, json!({})).await["viewer"].clone();
    assert_eq!(
        viewer,
        json!({
            "subject": "eve", "email": "eve@acme.test", "isOperator": false,
            "memberships": [{ "role": "AUDITOR", "organization": { "slug": "acme" } }],
        })
    );
    succeed(server, &with(&["AUDITOR", "--subject", "eve"]));
    fail(
        server,
        &with(&["admin", "--subject", "eve"]),
        1,
        "eve already has the role AUDITOR in acme",
    );
    let viewer = client(server, &auditor).query(MEMBERSHIPS, json!({})).await["viewer"].clone();
    assert_eq!(viewer["memberships"][0]["role"], "AUDITOR");

    let named = succeed(server, &with(&["writer"]));
    let viewer = client(server, &named).query(MEMBERSHIPS, json!({})).await["viewer"].clone();
    assert_eq!(
        (&viewer["subject"], &viewer["memberships"][0]["role"]),
        (&json!("writer"), &json!("WRITER"))
    );

    fail(
        server,
        &["token", "--organization", "nobody", "--role", "admin"],
        1,
        "there is no organization nobody",
    );
    fail(server, &with(&["admin", "--subject", ""]), 1, "subject: must have 1 to 200");
    fail(server, &with(&["king"]), 2, "king");
    fail(server, &with(&["admin", "--ttl", "soon"]), 2, "--ttl");
    fail(server, &["token"], 2, "--organization");
    fail(server, &["token", "--organization", "acme"], 2, "--role");
    let expired = succeed(server, &with(&["admin", "--subject", "late", "--ttl", "0s"]));
    assert_eq!(client(server, &expired).send(MEMBERSHIPS, json!({})).await.status, 401);
}

#[on_each_engine]
async fn operators_are_made_listed_and_removed(server: &TestServer) {
    let token =
        succeed(server, &["token", "--operator", "--subject", "olga", "--email", "olga@host.test"]);
    let olga = client(server, &token);
    let operator = "{ viewer { subject isOperator memberships { role } } jobs { totalCount } }";
    let data = olga.query(operator, json!({})).await;
    assert_eq!(data["viewer"], json!({ "subject": "olga", "isOperator": true, "memberships": [] }));
    succeed(server, &["token", "--operator"]);
    assert_eq!(succeed(server, &["operator", "list"]), "olga\tolga@host.test\noperator\t");
    assert_eq!(succeed(server, &["operator", "remove", "olga"]), "");
    assert_eq!(olga.error("{ jobs { totalCount } }", json!({})).await, "BAD_USER_INPUT");
    fail(server, &["operator", "remove", "olga"], 1, "olga is not an operator");
    assert_eq!(succeed(server, &["operator", "list"]), "operator\t");
    fail(server, &["token", "--operator", "--role", "admin"], 2, "--organization");
}

#[on_each_engine]
async fn members_are_set_listed_and_removed(server: &TestServer) {
    let acme = server.organization("acme").await;
    let of = ["--organization", "acme"];
    let member =
        |verb: &'static str, rest: &[&'static str]| [&["member", verb], &of[..], rest].concat();
    assert_eq!(succeed(server, &member("list", &[])), "");
    assert_eq!(
        succeed(server, &member("set", &["--role", "writer", "--email", "bob@acme.test", "bob"])),
        ""
    );
    succeed(server, &member("set", &["--role", "auditor", "ada"]));
    let listed = "ada\tAUDITOR\t\nbob\tWRITER\tbob@acme.test";
    assert_eq!(succeed(server, &member("list", &[])), listed);
    let ada = server.client_of("ada");
    let count = "query($id: ID!) { auditLogs(organizationId: $id) { totalCount } }";
    ada.query(count, json!({ "id": acme })).await;
    succeed(server, &member("set", &["--role", "member", "ada"]));
    assert_eq!(ada.error(count, json!({ "id": acme })).await, "FORBIDDEN");
    succeed(server, &member("remove", &["ada"]));
    assert_eq!(ada.error(count, json!({ "id": acme })).await, "NOT_FOUND");
    assert_eq!(succeed(server, &member("list", &[])), "bob\tWRITER\tbob@acme.test");
    fail(server, &member("remove", &["ada"]), 1, "ada is not a member of acme");
    fail(server, &member("set", &["ada"]), 2, "--role");
    fail(
        server,
        &member("set", &["--role", "admin", "daybook-cli"]),
        1,
        "subject: is a name of Daybook's",
    );
    fail(
        server,
        &["member", "list", "--organization", "nobody"],
        1,
        "there is no organization nobody",
    );

    let admin = server.client(&acme, Role::Admin).await;
    let log = r#"query($id: ID!) {
        auditLogs(organizationId: $id, filter: { actorType: SYSTEM, action: "member.*" }) {
            nodes { action resource { externalId } actor { type } }
        }
    }"#;
    let log = admin.query(log, json!({ "id": acme })).await;
    let entries = log["auditLogs"]["nodes"].as_array().unwrap();
    let told = entries.iter().map(|entry| {
        assert_eq!(entry["actor"]["type"], "SYSTEM");
        [&entry["action"], &entry["resource"]["externalId"]].map(|text| text.as_str().unwrap())
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ["member.set", "admin"],
            ["member.removed", "ada"],
            ["member.set", "ada"],
            ["member.set", "ada"],
            ["member.set", "bob"]
        ]
    );
}

#[test]
fn schema_is_printed_without_a_database() {
    let folder = TempDir::new().unwrap();
    let printed = binary::stdout(binary::daybook(folder.path()).arg("schema"));
    assert_eq!(printed, daybook_api::graphql::sdl().trim_end());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn wrong_usage_is_2_and_what_cannot_be_done_1() {
    let folder = TempDir::new().unwrap();
    for arguments in [
        &[][..],
        &["fly"],
        &["serve", "--listen", "nowhere"],
        &["migrate"],
        &["import", "audit-logs"],
    ] {
        let output = binary::daybook(folder.path()).args(arguments).output().unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{arguments:?}: {output:?}"
        );
    }
    for (variable, value, words) in [
        ("DAYBOOK_SECRET", "short", "at least 32 characters"),
        ("DAYBOOK_DATABASE_URL", "mysql://localhost/daybook", "neither sqlite: nor postgres:"),
        ("DAYBOOK_DATABASE_URL", "sqlite::memory:", "name a file"),
        ("DAYBOOK_ARTIFACTS_URL", "ftp://files", "must begin with file:"),
    ] {
        let output = binary::daybook(folder.path())
            .env(variable, value)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .output()
            .unwrap();
        let message = binary::stderr(&output);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(1), 0),
            "{variable}: {message}"
        );
        assert!(
            message.starts_with("daybook: ") && message.contains(words),
            "{variable}: {message}"
        );
    }
    for arguments in [["--help", ""], ["--version", ""], ["token", "--help"]] {
        let arguments = arguments.into_iter().filter(|argument| !argument.is_empty());
        assert!(!binary::stdout(binary::daybook(folder.path()).args(arguments)).is_empty());
    }
}

#[tokio::test]
async fn server_stops_in_seconds_when_it_is_asked_to() {
    for signal in ["TERM", "INT"] {
        let folder = TempDir::new().unwrap();
        let mut command = binary::daybook(folder.path());
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let mut greeting =
            BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
        let url = greeting
            .find_map(|line| Some(line.split_once("Daybook is at ")?.1.to_owned()))
            .unwrap();
        let token = binary::stdout(binary::daybook(folder.path()).args(["token", "--operator"]));
        let viewer =
            Client::new(url, Some(token)).query("{ viewer { isOperator } }", json!({})).await;
        assert_eq!(viewer["viewer"]["isOperator"], true);
        let secret = fs::metadata(folder.path().join("secret")).unwrap();
        assert_eq!(secret.permissions().mode() & 0o777, 0o600, "the secret is its owner's");

        let pid = server.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let status = eventually("the server's end", 10, async || server.try_wait().unwrap()).await;
        assert_eq!(status.code(), Some(0), "{signal}");
        let mut said = String::new();
        std::io::Read::read_to_string(&mut server.stdout.take().unwrap(), &mut said).unwrap();
        assert_eq!(said, "", "logs go to standard error");
        assert!(Path::exists(&folder.path().join("daybook.db")));
    }
}

fn client(server: &TestServer, token: &str) -> Client {
    Client::new(server.url(""), Some(token.to_owned()))
}

#[test]
fn setting_that_cannot_be_used_is_named() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    for (name, value, words) in [
        ("DAYBOOK_LOG", "daybook=loud", "DAYBOOK_LOG is not valid"),
        ("DAYBOOK_EXPORT_MAX_RECORDS", "0", "DAYBOOK_EXPORT_MAX_RECORDS must be at least 1"),
        ("DAYBOOK_JOB_CONCURRENCY", "0", "DAYBOOK_JOB_CONCURRENCY must be at least 1"),
        ("DAYBOOK_ARTIFACT_TTL", "300000years", "DAYBOOK_ARTIFACT_TTL must be at most 100years"),
        ("DAYBOOK_DATABASE_URL", "mysql://here", "DAYBOOK_DATABASE_URL can't be used"),
        ("DAYBOOK_JOB_LEASE", "999ms", "DAYBOOK_JOB_LEASE must be at least 1s"),
        ("DAYBOOK_PUBLIC_URL", "", "DAYBOOK_PUBLIC_URL must begin with http:// or https://"),
        ("DAYBOOK_PUBLIC_URL", "daybook.acme.test", "(it is daybook.acme.test)"),
    ] {
        let mut serve = binary::daybook(folder.path());
        serve.args(["serve", "--listen", "127.0.0.1:0"]).env(name, value);
        let output = serve.output().unwrap();
        let complaint = binary::stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{name}={value}: {complaint}");
        assert!(complaint.contains(words), "{name}={value}: {complaint}");
    }
}

fn run(server: &TestServer, arguments: &[&str]) -> Output {
    binary::daybook_of(server).args(arguments).output().unwrap()
}

/// Returns the output of a run that must succeed and report nothing except the database that it worked on.
fn succeed(server: &TestServer, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    let said = binary::stderr(&output);
    let database = format!("daybook: using the database {}\n", server.config.database_name());
    assert_eq!((output.status.code(), said), (Some(0), database), "{arguments:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.strip_suffix('\n').unwrap_or(&printed).to_owned()
}

/// A run must fail with this code, say these words on standard error and print nothing; one that looked at
/// the database says which one that was.
fn fail(server: &TestServer, arguments: &[&str], code: i32, words: &str) {
    let output = run(server, arguments);
    let complaint = binary::stderr(&output);
    assert_eq!(
        (output.status.code(), output.stdout.len()),
        (Some(code), 0),
        "{arguments:?}: {complaint}"
    );
    assert!(complaint.contains(words), "{arguments:?}: {complaint}");
    let names_it = complaint.contains(&server.config.database_name());
    assert_eq!(names_it, code == 1, "{arguments:?}: {complaint}");
    assert!(!complaint.contains("input."), "{arguments:?}: {complaint}");
}

#[test]
fn reader_that_has_seen_enough_is_no_failure() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let mut schema = binary::daybook(folder.path());
    schema.arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut schema = schema.spawn().unwrap();
    drop(schema.stdout.take());
    let output = schema.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
