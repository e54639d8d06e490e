//! Retention: removal of old entries, its announcement, holds, and who may read about them.

mod clock;
mod exports;

use std::time::Duration;

use daybook_api::{config::Config, server::Duties};
use daybook_entity::{audit_log, membership::Role, retention};
use daybook_service::retention::prune;
use daybook_tests::{
    Backend, Client, TestServer, Value, binary, entry, eventually, json, on_each_backend,
    on_each_engine, on_each_idle_engine, raw_organization,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

const DAY: Duration = Duration::from_secs(24 * 3600);
const LOG: &str = "query($id: ID!, $filter: AuditLogFilter, $first: Int, $after: String) {
    auditLogs(organizationId: $id, filter: $filter, first: $first, after: $after, orderBy: RECORDED_ASC) {
        totalCount tailCursor pageInfo { endCursor } nodes { sequence action metadata { extra } } } }";
const TAIL: &str = "subscription($id: ID!, $after: String) {
    auditLogRecorded(organizationId: $id, after: $after) { node { sequence } } }";

fn daybook(server: &TestServer, arguments: &[&str]) -> String {
    binary::stdout(binary::daybook_of(server).args(arguments))
}

fn keep(server: &TestServer, slug: &str, days: &str) {
    daybook(server, &["retention", "set", "--organization", slug, "--days", days]);
}

/// Moves the clock; tokens that were given out before end with it.
async fn later(server: &TestServer, days: u32) -> Client {
    server.clock.advance(DAY * days);
    server.client_of("admin")
}

async fn log(client: &Client, organization: &str, variables: Value) -> Value {
    let mut all = json!({ "id": organization });
    all.as_object_mut().unwrap().extend(variables.as_object().unwrap().clone());
    client.query(LOG, all).await["auditLogs"].clone()
}

/// Returns the number of entries whose action begins with `action`.
async fn count(client: &Client, organization: &str, action: &str) -> u64 {
    let filter = json!({ "action": action });
    let found = log(client, organization, json!({ "filter": filter, "first": 1 })).await;
    found["totalCount"].as_u64().unwrap()
}

/// Sequence of the first entry that is kept.
async fn first(client: &Client, organization: &str) -> i64 {
    let page = log(client, organization, json!({ "first": 1 })).await;
    page["nodes"][0]["sequence"].as_str().unwrap().parse().unwrap()
}

/// Sequence of the last entry.
async fn last(server: &TestServer, organization: &str) -> i64 {
    let db = server.database.connect().await;
    let last = audit_log::Entity::find()
        .filter(audit_log::Column::OrganizationId.eq(raw_organization(organization)))
        .order_by_desc(audit_log::Column::Sequence);
    let last = last.one(&db).await.unwrap().unwrap().sequence;
    db.close().await.unwrap();
    last
}

#[on_each_idle_engine]
async fn what_is_old_goes_after_the_log_has_said_so(server: &TestServer) {
    let acme = server.organization("acme").await;
    let globex = server.organization("globex").await;
    let admin = server.client(&acme, Role::Admin).await;
    server.set_member(&globex, "admin", Role::Admin).await;
    admin.record(&acme, 2_300).await;
    admin.record(&globex, 5).await;
    keep(server, "acme", "30");
    let old = last(server, &acme).await;
    // Two processes do it at the same time.
    let other = server.start_another(Duties::Serve).await;
    let prune_at_both = async || {
        let (one, two) = tokio::join!(prune(&server.instance().core), prune(&other.instance.core));
        one.unwrap();
        two.unwrap();
    };
    let admin = later(server, 29).await;
    prune_at_both().await;
    assert_eq!(first(&admin, &acme).await, 1, "younger than thirty days");

    let admin = later(server, 3).await;
    admin.record(&acme, 10).await;
    let kept = last(server, &acme).await;
    prune_at_both().await;
    assert_eq!(first(&admin, &acme).await, old + 1);
    assert_eq!(count(&admin, &acme, "test.*").await, 10);
    assert_eq!(count(&admin, &globex, "test.*").await, 5, "another organization's");
    let said = log(&admin, &acme, json!({ "filter": { "action": "audit_log.pruned" } })).await;
    assert_eq!(said["totalCount"], 1, "{said}");
    assert_eq!(said["nodes"][0]["sequence"], (kept + 1).to_string());
    let extra = &said["nodes"][0]["metadata"]["extra"];
    assert_eq!(
        (&extra["fromSequence"], &extra["throughSequence"]),
        (&json!("1"), &json!(old.to_string()))
    );
    let found = log(&admin, &acme, json!({ "filter": { "search": "ada" }, "first": 1 })).await;
    assert_eq!(found["totalCount"], 10, "words of what is gone are found");
    prune_at_both().await;
    assert_eq!(last(server, &acme).await, kept + 1, "said twice");
    assert_eq!(
        daybook(server, &["retention", "show", "--organization", "acme"]),
        format!("30\t{old}")
    );

    let db = server.database.connect().await;
    let row =
        retention::Entity::find_by_id(raw_organization(&acme)).one(&db).await.unwrap().unwrap();
    assert_eq!(extra["throughHash"], daybook_service::hex(&row.pruned_hash));
    for sql in [
        format!("DELETE FROM audit_logs WHERE sequence > {old}"),
        format!("DELETE FROM audit_logs WHERE sequence = {}", old + 1),
        "UPDATE audit_logs SET action = 'forged'".to_owned(),
    ] {
        let refused = db.execute_unprepared(&sql).await.expect_err(&sql).to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    db.close().await.unwrap();
    other.stop().await.unwrap();
}

#[on_each_idle_engine]
async fn holds_and_unfinished_exports_keep_everything(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 1_100).await;
    keep(server, "acme", "7");
    let hold = ["hold", "place", "--organization", "acme", "--reason", "a lawsuit", "case-7"];
    daybook(server, &hold);
    let again = binary::daybook_of(server).args(hold).output().unwrap();
    assert!(binary::stderr(&again).contains("there is a hold case-7 already"));
    let admin = later(server, 30).await;
    prune(&server.instance().core).await.unwrap();
    assert_eq!(first(&admin, &acme).await, 1, "held");
    let listed = daybook(server, &["hold", "list", "--organization", "acme"]);
    assert!(listed.starts_with("case-7\tos-user:") && listed.ends_with("\ta lawsuit"), "{listed}");
    daybook(server, &["hold", "release", "--organization", "acme", "case-7"]);
    let id = admin.export(&acme, "CSV").await["job"]["id"].as_str().unwrap().to_owned();
    prune(&server.instance().core).await.unwrap();
    assert_eq!(first(&admin, &acme).await, 1, "an export is to read it");
    assert_eq!(count(&admin, &acme, "audit_log.pruned").await, 0, "said, and not done");
    // Works the export, and removes what is old by itself: the janitor comes at once.
    server.start_work();
    assert_eq!(admin.finished(&id).await["state"], "SUCCEEDED");
    prune(&server.instance().core).await.unwrap();
    let start = first(&admin, &acme).await;
    assert!(start > 1_100, "{start}");
    for action in ["hold.placed", "hold.released", "retention.set"] {
        assert!(count(&admin, &acme, action).await <= 1, "{action}");
    }
    assert_eq!(count(&admin, &acme, "audit_log.pruned").await, 1);
}

#[on_each_idle_engine]
async fn settings_and_holds_are_told(server: &TestServer) {
    let acme = server.organization("acme").await;
    let auditor = server.client(&acme, Role::Auditor).await;
    let told = async |client: &Client| {
        let query = "query($id: ID!) { organization(id: $id) {
            retention { days prunedThroughSequence holds { name reason placedBy } } } }";
        client.query(query, json!({ "id": acme })).await["organization"]["retention"].clone()
    };
    let forever = json!({ "days": null, "prunedThroughSequence": "0", "holds": [] });
    assert_eq!(told(&auditor).await, forever);
    keep(server, "acme", "7");
    record_three(server, &acme).await;
    let old = last(server, &acme).await;
    server.clock.advance(DAY * 30);
    record_three(server, &acme).await;
    prune(&server.instance().core).await.unwrap();
    daybook(
        server,
        &["hold", "place", "--organization", "acme", "--reason", "a lawsuit", "case-7"],
    );
    let auditor = server.client_of("auditor");
    let told = told(&auditor).await;
    assert_eq!(
        (&told["days"], &told["prunedThroughSequence"]),
        (&json!(7), &json!(old.to_string()))
    );
    let hold = &told["holds"][0];
    assert_eq!((&hold["name"], &hold["reason"]), (&json!("case-7"), &json!("a lawsuit")));
    assert!(hold["placedBy"].is_string(), "{hold}");
}

#[on_each_idle_engine]
async fn wrong_settings_are_refused(server: &TestServer) {
    server.organization("acme").await;
    for (arguments, words) in [
        (&["retention", "set", "--organization", "acme", "--days", "0"][..], "days: must be 1 to"),
        (
            &["retention", "set", "--organization", "acme", "--days", "1000000"],
            "days: must be 1 to",
        ),
        (
            &["retention", "set", "--organization", "nobody", "--days", "7"],
            "there is no organization nobody",
        ),
        (&["hold", "release", "--organization", "acme", "case-7"], "has no hold named case-7"),
        (
            &["hold", "place", "--organization", "acme", "--reason", "", "case-7"],
            "reason: must have",
        ),
    ] {
        let output = binary::daybook_of(server).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = binary::stderr(&output);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(daybook(server, &["retention", "show", "--organization", "acme"]), "forever\t0");
    keep(server, "acme", "7");
    daybook(server, &["retention", "set", "--organization", "acme", "--forever"]);
    assert_eq!(daybook(server, &["retention", "show", "--organization", "acme"]), "forever\t0");
}

async fn record_three(server: &TestServer, organization: &str) {
    server.client(organization, Role::Admin).await.record(organization, 3).await;
}

/// Exports of ten entries each, none of them at once.
fn in_pieces(config: &mut Config) {
    config.export_max_records = 10;
    config.testing.export_inline_records = 0;
}

/// The message of the one error.
async fn refused(client: &Client, organization: &str, after: &Value) -> String {
    let variables = json!({ "id": organization, "first": 5, "after": after });
    let answer = client.send(LOG, variables).await;
    answer.body["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
}

#[on_each_backend]
async fn positions_before_the_logs_start_are_told(backend: Backend) {
    let server = TestServer::start_with(backend, in_pieces).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 100).await;
    let page = log(&admin, &acme, json!({ "first": 5 })).await;
    let early = page["pageInfo"]["endCursor"].clone();
    let input = |order: &str, after: &Value| {
        json!({
            "organizationId": acme, "format": "JSONL", "after": after,
            "source": { "auditLogs": { "filter": { "action": "test.*" }, "orderBy": order } },
        })
    };
    let mut continuations = Vec::new();
    for order in ["RECORDED_ASC", "RECORDED_DESC"] {
        let payload = admin.start_export(input(order, &Value::Null)).await;
        let job = admin.finished(payload["job"]["id"].as_str().unwrap()).await;
        assert_eq!(job["truncated"], true, "{job}");
        continuations.push((order, job["continuation"].clone()));
    }
    keep(&server, "acme", "7");
    let end = log(&admin, &acme, json!({ "first": 1 })).await["tailCursor"].clone();
    let old = last(&server, &acme).await;
    let admin = later(&server, 30).await;
    admin.record(&acme, 3).await;
    eventually("everything old is gone", 30, async || {
        prune(&server.instance().core).await.unwrap();
        (first(&admin, &acme).await == old + 1).then_some(())
    })
    .await;

    let told = refused(&admin, &acme, &early).await;
    assert!(told.contains("no longer kept"), "{told}");
    for (order, continuation) in &continuations {
        let payload = admin.start_export(input(order, continuation)).await;
        let told = payload["userErrors"][0]["message"].as_str().unwrap_or_default();
        assert!(told.contains("no longer kept"), "{order}: {payload}");
    }
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    socket.subscribe("early", TAIL, json!({ "id": acme, "after": early })).await;
    let told = socket.next().await.to_string();
    assert!(told.contains("no longer kept"), "{told}");
    // Whoever had been told everything goes on after it, though that entry is gone.
    socket.subscribe("end", TAIL, json!({ "id": acme, "after": end })).await;
    let mut next = socket.next().await;
    while next["id"] != "end" {
        next = socket.next().await;
    }
    let sequence = &next["payload"]["data"]["auditLogRecorded"]["node"]["sequence"];
    assert_eq!(sequence, &json!((old + 1).to_string()), "{next}");

    // What there is can be exported, and says where it begins.
    let payload = admin.start_export(input("RECORDED_ASC", &Value::Null)).await;
    let job = admin.finished(payload["job"]["id"].as_str().unwrap()).await;
    assert_eq!(job["artifact"]["recordCount"], "3", "{job}");
    assert_eq!(job["artifact"]["manifest"]["prunedThroughSequence"], old.to_string(), "{job}");
    drop(socket);
    server.finish().await;
}

#[on_each_engine]
async fn backup_of_a_log_that_was_shortened_is_verified(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record_entries(&acme, json!([entry("test.0")])).await;
    keep(server, "acme", "7");
    let admin = later(server, 30).await;
    admin.record(&acme, 3).await;
    eventually("everything old is gone", 30, async || {
        prune(&server.instance().core).await.unwrap();
        (first(&admin, &acme).await > 1).then_some(())
    })
    .await;
    let input = json!({ "organizationId": acme, "compression": "ZSTD" });
    let (job, _) = crate::backups::backed_up(&admin, input).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let db = server.database.connect().await;
    let kept = retention::Entity::find().count(&db).await.unwrap();
    assert_eq!(kept, 1);
    db.close().await.unwrap();
}
