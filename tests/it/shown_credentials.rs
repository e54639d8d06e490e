//! Secrets that are given in the wrong place are neither repeated nor stored.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, binary, json, on_each_engine};
use tempfile::TempDir;

const TOKEN: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjQxMDI0NDQ4MDB9.VGhpc0lzTm90QVNpZ25hdHVyZQ";

fn key() -> String {
    format!("dbk_{}_{}", "1a2b3c4d".repeat(2), "5e6f7a8b".repeat(8))
}

/// The part of a credential that nobody may see.
fn secret_of(credential: &str) -> &str {
    &credential[credential.len() - 20..]
}

#[test]
fn parser_does_not_repeat_credentials() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let key = key();
    let url = "postgres://ada:geheim-geheim-geheim@db/daybook";
    for credential in [&key, TOKEN, url] {
        let secret = if credential == url { "geheim" } else { secret_of(credential) };
        for arguments in [
            &[credential][..],
            &["token", credential],
            &["api-key", credential],
            &["api-key", "revoke", "--organization", "acme", "0", credential],
            &["member", "set", "--organization", "acme", "--role", credential, "ada"],
            &["serve", "--listen", credential],
            &["serve", "--listen-on", credential],
            &["token", "--operator", "--ttl", credential],
            &["serve", "--job-concurrency", credential],
            &["serve", "--oidc-roles", credential],
            &["serve", "--cors-origins", credential],
        ] {
            let output = binary::daybook(folder.path()).args(arguments).output().unwrap();
            let said = binary::stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
            assert!(!said.contains(secret), "{arguments:?}: {said}");
        }
        for variable in ["DAYBOOK_LISTEN", "DAYBOOK_JOB_LEASE", "DAYBOOK_ARTIFACT_LINKS"] {
            let mut command = binary::daybook(folder.path());
            let output = command.env(variable, credential).arg("serve").output().unwrap();
            let said = binary::stderr(&output);
            assert!(!output.status.success() && !said.contains(secret), "{variable}: {said}");
        }
    }
    let mut help = binary::daybook(folder.path());
    help.env("DAYBOOK_ARTIFACTS_URL", "s3://ada:geheim@bucket").env("DAYBOOK_PUBLIC_URL", url);
    let help = binary::stdout(help.arg("--help"));
    assert!(!help.contains("geheim"), "{help}");
}

#[test]
fn urls_that_cannot_be_used_are_told_without_their_passwords() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let cases = [
        ("DAYBOOK_DATABASE_URL", "postgres://ada:geheim@127.0.0.1:1/daybook"),
        ("DAYBOOK_DATABASE_URL", "postgres://ada:ge heim@127.0.0.1:1/daybook"),
        ("DAYBOOK_DATABASE_URL", "postgres://ada:ge/heim@127.0.0.1:1/daybook"),
        ("DAYBOOK_DATABASE_URL", "postgres://ada:ge#heim@127.0.0.1:1/daybook"),
        ("DAYBOOK_DATABASE_URL", "postgres://ada@127.0.0.1:1/daybook?password=geheim"),
        ("DAYBOOK_DATABASE_URL", "postgres://127.0.0.1:1/daybook?pasword=geheim"),
        ("DAYBOOK_DATABASE_URL", "postgres://127.0.0.1:1/daybook?sslmode=disable&password=geheim"),
        ("DAYBOOK_DATABASE_URL", "mysql://ada:geheim@127.0.0.1:1/daybook"),
        ("DAYBOOK_DATABASE_URL", "ada:geheim@127.0.0.1:1/daybook"),
        ("DAYBOOK_DATABASE_DIRECT_URL", "postgres://ada:ge/heim@127.0.0.1:1/daybook"),
        ("DAYBOOK_DATABASE_REPLICA_URL", "postgres://ada:ge/heim@127.0.0.1:1/daybook"),
        ("DAYBOOK_NATS_URL", "nats://geheim@127.0.0.1:x"),
        ("DAYBOOK_NATS_URL", "http://ada:ge/heim@127.0.0.1"),
        ("DAYBOOK_ARTIFACTS_URL", "ftp://ada:geheim@127.0.0.1"),
        ("DAYBOOK_PUBLIC_URL", "ftp://ada:geheim@127.0.0.1"),
        ("DAYBOOK_OIDC_ISSUER", "ftp://ada:geheim@127.0.0.1"),
        ("DAYBOOK_SECRET", "geheim"),
    ];
    // Those that wait for a server that is not there wait together.
    std::thread::scope(|scope| {
        for (variable, url) in cases {
            for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["doctor"]] {
                let mut command = binary::daybook(folder.path());
                command.env(variable, url).env("DAYBOOK_LOG", "debug").args(arguments);
                if variable == "DAYBOOK_OIDC_ISSUER" {
                    command.env("DAYBOOK_OIDC_AUDIENCE", "daybook");
                }
                scope.spawn(move || {
                    let output = command.output().unwrap();
                    let said = format!("{}{}", binary::stdout_of(&output), binary::stderr(&output));
                    let is_refused = arguments[0] == "doctor" || output.status.code() == Some(1);
                    assert!(is_refused, "{variable}={url}: {said}");
                    assert!(!said.contains("heim"), "{variable}={url} {arguments:?}: {said}");
                });
            }
        }
    });
}

#[on_each_engine]
async fn credential_is_nobodys_name(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let key = key();
    let set = "mutation($input: SetMemberInput!) { setMember(input: $input) { userErrors { code message path } } }";
    for credential in [&key, TOKEN] {
        for arguments in [
            &["member", "set", "--organization", "acme", "--role", "admin", credential][..],
            &["member", "remove", "--organization", "acme", credential],
            &["token", "--organization", "acme", "--role", "admin", "--subject", credential],
            &["token", "--operator", "--subject", credential],
            &["operator", "remove", credential],
            &["hold", "release", "--organization", "acme", credential],
            &["api-key", "revoke", "--organization", "acme", credential],
            &["member", "list", "--organization", credential],
            &["import", "audit-logs", "--organization", "acme", credential],
            &["organization", "create", "globex", "--name", credential],
            &[
                "hold",
                "place",
                "--organization",
                "acme",
                "--reason",
                &format!("of {credential}"),
                "case-7",
            ],
            &[
                "api-key",
                "create",
                "--organization",
                "acme",
                "--role",
                "writer",
                "--name",
                credential,
            ],
        ] {
            let output = binary::daybook_of(server).args(arguments).output().unwrap();
            let said = binary::stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(!said.contains(secret_of(credential)), "{arguments:?}: {said}");
        }
        let input = json!({ "organizationId": acme, "subject": credential, "role": "ADMIN" });
        let payload = admin.query(set, json!({ "input": input })).await["setMember"].clone();
        let error = &payload["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!("INVALID"), &json!(["subject"])));
        assert!(!payload.to_string().contains(secret_of(credential)), "{payload}");
    }
    let log = "query($id: ID!) { auditLogs(organizationId: $id, first: 100) { nodes {
        action recordedBy resource { externalId name } changes { old new } } } }";
    let log = admin.query(log, json!({ "id": acme })).await.to_string();
    assert!(!log.contains(secret_of(TOKEN)) && !log.contains(secret_of(&key)), "{log}");
}
