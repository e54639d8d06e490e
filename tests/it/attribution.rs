//! Attribution on the command line: each change is an entry that names the person and the host.

use std::collections::BTreeMap;

use daybook_entity::{audit_log, audit_log::ActorType, membership::Role};
use daybook_tests::{TestServer, Value, binary, json, on_each_engine};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

/// Commands, each with the entries that it records: the slug of the log's organization, and the action.
const COMMANDS: &[(&[&str], &[&str])] = &[
    (&["organization", "create", "globex", "--name", "Globex"], &["organization.created"]),
    (
        &["token", "--organization", "acme", "--role", "auditor", "--subject", "eve"],
        &["member.set", "token.issued"],
    ),
    (
        &["token", "--organization", "acme", "--role", "auditor", "--subject", "eve"],
        &["token.issued"],
    ),
    (&["token", "--operator", "--subject", "olga"], &["operator.added", "token.issued"]),
    (&["token", "--operator", "--subject", "olga"], &["token.issued"]),
    (
        &["token", "--operator", "--organization", "acme", "--role", "admin", "--subject", "both"],
        &["operator.added", "token.issued", "member.set", "token.issued"],
    ),
    (&["operator", "remove", "olga"], &["operator.removed"]),
    (&["member", "set", "--organization", "acme", "--role", "writer", "bob"], &["member.set"]),
    (&["member", "remove", "--organization", "acme", "bob"], &["member.removed"]),
    (
        &["api-key", "create", "--organization", "acme", "--role", "writer", "--name", "shipper"],
        &["api_key.created"],
    ),
    (&["retention", "set", "--organization", "acme", "--days", "400"], &["retention.set"]),
    (
        &["hold", "place", "--organization", "acme", "--reason", "a lawsuit", "case-7"],
        &["hold.placed"],
    ),
    (&["hold", "release", "--organization", "acme", "case-7"], &["hold.released"]),
    (&["member", "list", "--organization", "acme"], &[]),
    (&["operator", "list"], &[]),
    (&["hold", "list", "--organization", "acme"], &[]),
    (&["retention", "show", "--organization", "acme"], &[]),
];

/// Returns all entries of all logs that the command line recorded since the last call, oldest first.
async fn news(server: &TestServer, known: &mut Vec<uuid::Uuid>) -> Vec<audit_log::Model> {
    let db = server.database.connect().await;
    let rows = audit_log::Entity::find()
        .order_by_asc(audit_log::Column::RecordedAt)
        .order_by_asc(audit_log::Column::Sequence)
        .all(&db)
        .await
        .unwrap();
    db.close().await.unwrap();
    let rows: Vec<_> = rows.into_iter().filter(|row| !known.contains(&row.id)).collect();
    known.extend(rows.iter().map(|row| row.id));
    rows
}

fn daybook(server: &TestServer, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = binary::daybook_of(server);
    command.env_remove("SUDO_USER").envs(environment.iter().copied()).args(arguments);
    binary::stdout(&mut command)
}

fn system(program: &str, arguments: &[&str]) -> String {
    binary::stdout(std::process::Command::new(program).args(arguments))
}

#[on_each_engine]
async fn every_change_names_the_systems_user(server: &TestServer) {
    server.organization("acme").await;
    let mut known = Vec::new();
    news(server, &mut known).await;
    let (user, host) = (system("id", &["-un"]), system("uname", &["-n"]));
    let os_user = format!("os-user:{user}@{host}");
    for (arguments, actions) in COMMANDS {
        daybook(server, &[], arguments);
        let entries = news(server, &mut known).await;
        let told: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(told, *actions, "{arguments:?}");
        for entry in entries {
            let by = (&entry.actor_id[..], entry.actor_type, &entry.recorded_by[..]);
            assert_eq!(by, (&os_user[..], ActorType::System, &os_user[..]), "{arguments:?}");
            assert_eq!(
                entry.user_agent,
                Some(concat!("daybook-cli/", env!("CARGO_PKG_VERSION")).to_owned())
            );
            let extra: Value = serde_json::from_str(entry.extra.as_deref().unwrap()).unwrap();
            assert_eq!(
                (&extra["via"], &extra["osUser"], &extra["host"]),
                (&json!("command line"), &json!(user), &json!(host))
            );
            assert!(
                !entry.action.starts_with("hold.") || extra["reason"] == "a lawsuit",
                "{extra}"
            );
        }
    }
}

#[on_each_engine]
async fn change_in_somebodys_name_names_them_and_the_systems_user(server: &TestServer) {
    server.organization("acme").await;
    let lines = server.folder().join("entries.jsonl");
    let line = json!({ "timestamp": "2026-01-01T00:00:00Z", "actor": { "id": "ada" }, "action": "test.imported", "resource": { "type": "t", "id": "1" } });
    std::fs::write(&lines, line.to_string()).unwrap();
    let notes = server.folder().join("notes");
    std::fs::create_dir(&notes).unwrap();
    std::fs::write(notes.join("a.md"), "x").unwrap();
    let mut known = Vec::new();
    news(server, &mut known).await;
    for (arguments, actions) in [
        (
            &["member", "set", "--organization", "acme", "--role", "writer", "bob"][..],
            &["member.set"][..],
        ),
        (&["organization", "create", "initech", "--name", "Initech"], &["organization.created"]),
        (
            &["import", "audit-logs", "--organization", "acme", lines.to_str().unwrap()],
            &["test.imported"],
        ),
        (
            &[
                "import",
                "notes",
                "--organization",
                "acme",
                "--workspace",
                "docs",
                notes.to_str().unwrap(),
            ],
            &["workspace.created", "note.created"],
        ),
    ] {
        daybook(server, &[], &[arguments, &["--as", "grace"]].concat());
        for (entry, action) in news(server, &mut known).await.iter().zip(actions) {
            assert_eq!((&entry.action[..], &entry.recorded_by[..]), (*action, "grace"));
            if *action == "test.imported" {
                // The file's entry is as it was written.
                assert_eq!((&entry.actor_id[..], &entry.extra), ("ada", &None));
            } else {
                assert_eq!((&entry.actor_id[..], entry.actor_type), ("grace", ActorType::User));
                assert!(entry.extra.as_ref().unwrap().contains("osUser"), "{entry:?}");
            }
        }
    }
    // Again by somebody else: what is there already is not recorded twice.
    daybook(
        server,
        &[],
        &["import", "audit-logs", "--organization", "acme", lines.to_str().unwrap()],
    );
    assert_eq!(news(server, &mut known).await, []);
}

#[on_each_engine]
async fn token_is_recorded_and_not_told(server: &TestServer) {
    let acme = server.organization("acme").await;
    let arguments =
        ["token", "--organization", "acme", "--role", "auditor", "--subject", "eve", "--ttl", "1h"];
    let token = daybook(server, &[("DAYBOOK_AS", "grace")], &arguments);
    let operators = daybook(server, &[], &["token", "--operator"]);
    let admin = server.client(&acme, Role::Admin).await;
    let issued = "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"token.issued\" }) { nodes {
        actor { externalId type } outcome resource { type externalId } changes { field old new } metadata { userAgent extra } } } }";
    let log = admin.query(issued, json!({ "id": acme })).await["auditLogs"]["nodes"].clone();
    assert_eq!(log.as_array().unwrap().len(), 1, "{log}");
    assert_eq!(log[0]["actor"], json!({ "externalId": "grace", "type": "USER" }));
    assert_eq!(log[0]["resource"], json!({ "type": "token", "externalId": "eve" }));
    let changes: BTreeMap<_, _> = log[0]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["field"].as_str().unwrap(), change["new"].as_str().unwrap()))
        .collect();
    assert_eq!(changes["role"], "AUDITOR");
    let expires_at = chrono::DateTime::parse_from_rfc3339(changes["expiresAt"]).unwrap().to_utc();
    let left = (expires_at - server.clock.now()).num_seconds();
    assert!((3000..=3600).contains(&left), "{left}");
    let db = server.database.connect().await;
    let all = audit_log::Entity::find().all(&db).await.unwrap();
    let of_instance = audit_log::Entity::find()
        .filter(audit_log::Column::OrganizationId.eq(daybook_entity::organization::INSTANCE))
        .filter(audit_log::Column::Action.eq("token.issued"));
    let of_instance = of_instance.all(&db).await.unwrap();
    db.close().await.unwrap();
    assert_eq!((of_instance.len(), &of_instance[0].resource_id[..]), (1, "operator"));
    assert!(of_instance[0].changes.contains("expiresAt"));
    let all = format!("{all:?}");
    for token in [token, operators] {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!all.contains(signature), "the token is in a log");
    }
    // A token that there can't be changes nothing.
    let wrong = [
        "token",
        "--organization",
        "acme",
        "--role",
        "admin",
        "--subject",
        "late",
        "--ttl",
        "9000years",
    ];
    let output = binary::daybook_of(server).args(wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!daybook(server, &[], &["member", "list", "--organization", "acme"]).contains("late"));
}

#[on_each_engine]
async fn nobody_acts_under_a_name_that_nobody_has(server: &TestServer) {
    let long = "x".repeat(201);
    for name in
        ["", " ", "daybook", "daybook-cli", "os-user:root@web-1", "api-key:1a2b3c4d5e6f7a8b", &long]
    {
        let mut command = binary::daybook_of(server);
        let output =
            command.args(["token", "--operator"]).env("DAYBOOK_AS", name).output().unwrap();
        let said = binary::stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("DAYBOOK_AS: "), "{name}: {said}");
        let mut command = binary::daybook_of(server);
        let output = command.args(["token", "--operator", "--as", name]).output().unwrap();
        let said = binary::stderr(&output);
        assert!(said.contains("--as: "), "{name}: {said}");
    }
    // Nor is anybody called like a user of the host.
    let mut command = binary::daybook_of(server);
    let output =
        command.args(["token", "--operator", "--subject", "os-user:root@web-1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", binary::stderr(&output));
    assert_eq!(daybook(server, &[], &["operator", "list"]), "");
}

#[on_each_engine]
async fn sudo_hides_nobody(server: &TestServer) {
    server.organization("acme").await;
    let is_root = system("id", &["-u"]) == "0";
    let me = system("id", &["-un"]);
    let mut known = Vec::new();
    for (sudo, name) in
        [("nobody", if is_root { "nobody" } else { &me }), ("no such user", &me), ("", &me)]
    {
        news(server, &mut known).await;
        daybook(server, &[("SUDO_USER", sudo)], &["token", "--operator"]);
        let entries = news(server, &mut known).await;
        let actor = &entries.last().unwrap().actor_id;
        assert!(actor.starts_with(&format!("os-user:{name}@")), "{sudo}: {actor}");
    }
}
