//! Hostile content through the engines' own clients: it comes back as it was, and does nothing.

use daybook_entity::{membership::Role, note, organization, workspace};
use daybook_service::{Clock, hex};
use daybook_tests::{TestDatabase, TestServer, json, on_each_engine, raw_organization};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::{Copy, backed_up, instance_backed_up, rows, shown};
use crate::exports::hostile_entries;

/// Texts that end a literal, a row, a block, a statement or a comment somewhere.
const NASTY: [&str; 18] = [
    "",
    "'",
    "''",
    "';\n",
    "');\nDROP TABLE notes;\n--",
    "\n\\! touch created\n",
    "\n.shell touch created\n",
    ".shell touch created",
    "\\.",
    "\n\\.\n",
    "\r\n",
    "\r",
    "/\n;\ngo\n",
    "\\N",
    "\t\u{8}\u{b}\u{c}\\t",
    "-- daybook: manifest\n-- daybook: end of rows\n",
    "😀\u{2028}e\u{301} :name :'x' $1 ?",
    "\"$$",
];

/// Tables whose rows nothing changes after the snapshot.
const STILL: [&str; 4] = ["organizations", "memberships", "workspaces", "notes"];

/// Writes notes with these bodies, and their titles, paths and names.
pub(super) async fn write_notes(database: &TestDatabase, organization: &str, bodies: &[String]) {
    let db = database.connect().await;
    let now = Clock::default().now();
    let organization_id = raw_organization(organization);
    let id = || Uuid::from_bytes(daybook_service::random_bytes());
    let name = format!("{} {}", bodies[0].chars().take(200).collect::<String>(), id());
    let workspace = workspace::Model { organization_id, id: id(), name, created_at: now };
    let workspace = workspace.into_active_model().insert(&db).await.unwrap();
    for body in bodies {
        let note = note::Model {
            organization_id,
            id: id(),
            workspace_id: workspace.id,
            // An index takes no longer one.
            path: format!("{}{}", body.chars().take(200).collect::<String>(), id()),
            title: body.clone(),
            body: body.clone(),
            tags: json!([body]).to_string(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        note::Entity::insert(note.into_active_model()).exec_without_returning(&db).await.unwrap();
    }
    db.close().await.unwrap();
}

/// Asserts that every row of the copy is a row of the source, and that the tables in `STILL` have all rows.
fn compare(source: &TestDatabase, copy: &TestDatabase) {
    for table in daybook_service::backups::tables() {
        let (of_source, of_copy) = (shown(source, table.name), shown(copy, table.name));
        if STILL.contains(&table.name) {
            assert_eq!(of_copy, of_source, "{}", table.name);
        } else if !["audit_log_heads", "job_feed", "jobs"].contains(&table.name) {
            for row in &of_copy {
                assert!(of_source.binary_search(row).is_ok(), "{}: {row}", table.name);
            }
        }
    }
}

#[on_each_engine]
async fn content_survives_the_engines_own_client_and_runs_nothing(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let recorded = admin.record_entries(&acme, json!(hostile_entries())).await;
    assert_eq!(recorded["userErrors"], json!([]));
    let mut bodies: Vec<_> = NASTY.iter().map(ToString::to_string).collect();
    bodies.push("\n'\\😀".repeat(1024 * 1024 / 7));
    write_notes(&server.database, &acme, &bodies[1..]).await;

    let (job, bytes) = instance_backed_up(server, json!({})).await;
    let copy = Copy::empty(server.backend()).await;
    let file = copy.keep("backup.sql", &bytes);
    copy.load_surely(&file);
    compare(&server.database, &copy.database);
    assert_eq!(rows(&job, "notes"), Some(bodies.len() as i64 - 1));
    assert_eq!(shown(&copy.database, "notes").len(), shown(&server.database, "notes").len());
    assert!(!copy.folder().join("created").exists(), "a tenant's text was run");
    copy.drop().await;
}

#[on_each_engine]
async fn generated_rows_survive(server: &TestServer) {
    let acme = server.organization("acme").await;
    let text = prop_oneof![
        "[^\\x00]{1,20}",
        proptest::sample::select(&NASTY[1..]).prop_map(ToOwned::to_owned),
        proptest::collection::vec(
            proptest::sample::select(vec!["\n", "\r", "\\", "'", "\t", ".", ";", "\u{1a}"]),
            1..12
        )
        .prop_map(|parts| parts.concat()),
    ];
    let mut runner = TestRunner::default();
    for _ in 0..crate::faults::rounds(3) {
        let bodies =
            proptest::collection::vec(text.clone(), 1..40).new_tree(&mut runner).unwrap().current();
        write_notes(&server.database, &acme, &bodies).await;
    }
    let (_, bytes) = instance_backed_up(server, json!({})).await;
    let copy = Copy::empty(server.backend()).await;
    copy.load_surely(&copy.keep("backup.sql", &bytes));
    compare(&server.database, &copy.database);
    copy.drop().await;
}

#[on_each_engine]
async fn organizations_backup_holds_nothing_of_others_and_serves_alone(server: &TestServer) {
    let acme = server.organization("acme").await;
    let globex = server.organization("globex").await;
    let admin = server.client(&acme, Role::Admin).await;
    let other = server.client(&globex, Role::Admin).await;
    other.record_entries(&globex, json!([{
        "actor": { "id": "secret-of-globex" }, "action": "a.b", "resource": { "type": "t", "id": "i" },
    }])).await;
    admin.record(&acme, 20).await;
    write_notes(&server.database, &globex, &["secret-of-globex".to_owned()]).await;
    write_notes(&server.database, &acme, &["ours".to_owned()]).await;
    let (_, bytes) = backed_up(&admin, json!({ "organizationId": acme })).await;
    let text = String::from_utf8_lossy(&bytes);
    let raw = raw_organization(&globex);
    for foreign in ["secret-of-globex", "globex", &raw.to_string(), &hex(raw.as_bytes())] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    let copy = Copy::empty(server.backend()).await;
    copy.load_surely(&copy.keep("backup.sql", &bytes));

    // A Daybook with another secret serves it.
    let restored = TestServer::start_idle_on(copy.database, |_| {}).await;
    let db = restored.database.connect().await;
    let slugs: Vec<_> = organization::Entity::find().all(&db).await.unwrap();
    let mut slugs: Vec<_> = slugs.into_iter().map(|found| found.slug).collect();
    slugs.sort();
    assert_eq!(slugs, ["acme", "instance"]);
    let client = restored.client(&acme, Role::Admin).await;
    let query = "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"test.*\" }) { totalCount } }";
    assert_eq!(client.query(query, json!({ "id": acme })).await["auditLogs"]["totalCount"], 20);
    client.record(&acme, 3).await;
    restored.start_work();
    let payload = client.export(&acme, "JSONL").await;
    assert_eq!(payload["userErrors"], json!([]));
    client.finished(payload["job"]["id"].as_str().unwrap()).await;
    daybook_tests::invariants::logs(&db).await;
    db.close().await.unwrap();
    restored.stop().await;
}
