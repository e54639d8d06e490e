//! Every operation of the schema, tried by every viewer with another organization's IDs.

use std::collections::BTreeSet;

use daybook_entity::membership::Role;
use daybook_tests::{
    Backend, Client, TestServer, Value,
    fields::{Things, verdict},
    json, on_each_backend,
};

use super::{
    absent_like,
    answers::{Cursors, add_cursors, add_reached, answer},
    attempts::{Attempt, attempts},
    schema::Schema,
};

/// Text that is in everything that globex has.
pub(super) const MARK: &str = "globex";

/// Fields in which an operator sees other organizations: their jobs, and none of the rows that these are
/// about.
const SEEN_BY_OPERATORS: &[&str] =
    &["Query.job", "Query.jobs", "Query.node", "Query.nodes", "Subscription.jobUpdates"];
const UNSEEN_BY_OPERATORS: &[&str] = &["ApiKey", "AuditLog", "Member", "Note", "Workspace"];

/// Query for the state of globex.
const STATE: &str = "query($id: ID!) {
    auditLogs(organizationId: $id) { totalCount }
    jobs(organizationId: $id) { nodes { id state cancelRequestedAt } }
    organization(id: $id) {
        members { nodes { subject role } }
        apiKeys { nodes { id revokedAt lastUsedAt } }
        workspaces { nodes { id notes { nodes { id path version } } } }
    }
}";

/// A viewer that may not learn anything about globex.
pub(super) struct Caller {
    pub name: &'static str,
    pub client: Client,
}

pub(super) async fn start(backend: Backend) -> TestServer {
    TestServer::start_idle_with(backend, |config| {
        // So that exports have a continuation.
        config.export_max_records = 3;
        config.testing.export_inline_records = 0;
        let limits = &mut config.server_limits.fixed.document;
        (limits.fields, limits.aliases, limits.cost) = (100_000, 100_000, u64::MAX / 4);
        limits.tokens = 100_000;
    })
    .await
}

/// globex with one of each thing; its owner and what it has.
pub(super) async fn fill(server: &TestServer) -> (Client, Things) {
    let globex = server.organization(MARK).await;
    server.set_member(&globex, "globex-owner", Role::Admin).await;
    let owner = server.client_of("globex-owner");
    let entry = json!({
        "actor": { "id": "globex-ada", "email": "ada@globex.test", "name": "globex" },
        "action": "globex.secret",
        "onBehalfOf": { "id": "globex", "email": "eve@globex.test", "name": "globex" },
        "resource": { "type": "globex", "id": "globex", "name": "globex" },
        "relatedResources": [{ "type": "globex", "id": "globex-2", "name": "globex" }],
        "changes": [{ "field": "globex", "old": "globex", "new": "globex" }],
        "metadata": { "requestId": "globex", "userAgent": "globex", "ipAddress": "192.0.2.1", "extra": { "a": "globex" } },
    });
    let input = json!({ "organizationId": globex, "entries": [entry], "idempotencyKey": "once" });
    let record =
        "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { replayed } }";
    owner.query(record, json!({ "input": input })).await;
    // A job that fails.
    server.set_member(&globex, "globex-doomed", Role::Auditor).await;
    let doomed = server.client_of("globex-doomed").export(&globex, "JSON").await;
    server.remove_member(&globex, "globex-doomed").await;
    server.start_work();
    let failed = owner.finished(doomed["job"]["id"].as_str().unwrap()).await;
    assert_eq!(failed["error"]["code"], "ACCESS_REVOKED");
    let mut things = Things::of(&owner, &globex, MARK).await;
    let backup =
        "mutation($id: ID!) { startBackup(input: { organizationId: $id }) { job { id } } }";
    let verified = owner.query(backup, json!({ "id": globex })).await;
    verified["startBackup"]["job"]["id"].as_str().unwrap().clone_into(&mut things.backup);
    owner.finished(&things.backup).await;
    owner.create_api_key(&globex, "AUDITOR", json!({ "name": "globex key" })).await;
    let body = json!({ "path": "globex", "title": "globex", "body": "globex", "tags": ["globex"] });
    owner.create_note(&things.workspace, body).await;
    let notes = json!({
        "organizationId": globex, "format": "MARKDOWN",
        "source": { "notes": { "workspaceId": things.workspace } },
    });
    let exported = owner.start_export(notes).await;
    owner.finished(exported["job"]["id"].as_str().unwrap()).await;
    server.place_hold(&globex, "globex").await;
    (owner, things)
}

/// Everyone else, and the organization where some of them may do what they like.
pub(super) async fn callers(server: &TestServer, globex: &str) -> (Vec<Caller>, Things) {
    let acme = server.organization("acme").await;
    let mut callers = vec![Caller { name: "anonymous", client: server.anonymous() }];
    for (name, role) in [
        ("writer", Role::Writer),
        ("auditor", Role::Auditor),
        ("member", Role::Member),
        ("admin", Role::Admin),
    ] {
        server.set_member(&acme, name, role).await;
        callers.push(Caller { name, client: server.client_of(name) });
    }
    let admin = server.client_of("admin");
    for (name, role) in [("writer's key", "WRITER"), ("auditor's key", "AUDITOR")] {
        let made = admin.create_api_key(&acme, role, json!({})).await;
        callers.push(Caller { name, client: with_key(server, &made) });
    }
    callers.push(Caller { name: "operator", client: server.operator().await });
    // Who was let in once, in every way.
    server.set_member(globex, "former", Role::Admin).await;
    let former = server.client_of("former");
    let key = former.create_api_key(globex, "AUDITOR", json!({})).await;
    let revoke =
        "mutation($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) { userErrors { code } } }";
    former.query(revoke, json!({ "id": key["apiKey"]["id"] })).await;
    server.remove_member(globex, "former").await;
    callers.push(Caller { name: "removed member", client: former });
    callers.push(Caller { name: "revoked key", client: with_key(server, &key) });
    let things = Things::of(&admin, &acme, "acme").await;
    (callers, things)
}

pub(super) fn with_key(server: &TestServer, made: &Value) -> Client {
    Client::new(server.url(""), Some(made["key"].as_str().unwrap().to_owned()))
}

async fn harvest(
    server: &TestServer,
    owner: &Client,
    plain: &[Attempt],
    things: &Things,
) -> Cursors {
    let log = "Subscription.auditLogRecorded".to_owned();
    let mut cursors = Cursors::from([(log, things.cursor.clone())]);
    for attempt in plain.iter().filter(|it| it.field.starts_with("Query") && it.cursor.is_none()) {
        let answer = answer(server, owner, attempt, (things, &cursors)).await;
        for (_, value) in answer["data"].as_object().into_iter().flatten() {
            add_cursors(&attempt.field, value, &mut cursors);
        }
    }
    cursors
}

/// Makes each attempt as the owner, asserts that it reaches what it names, and returns the fields reached.
async fn reach(
    server: &TestServer,
    owner: &Client,
    attempts: &[Attempt],
    from: (&Things, &Cursors),
) -> BTreeSet<String> {
    // What takes something away comes last.
    let turn = |attempt: &Attempt| match attempt.field.strip_prefix("Mutation.") {
        None => 0,
        Some(verb) => {
            1 + u8::from(["delete", "remove", "revoke"].iter().any(|it| verb.starts_with(it)))
        }
    };
    let mut attempts: Vec<_> = attempts.iter().filter(|it| !it.is_of_strangers).collect();
    attempts.sort_by_key(|attempt| turn(attempt));
    let (mut reached, mut failed) = (BTreeSet::new(), Vec::new());
    for attempt in attempts {
        let answer = answer(server, owner, attempt, from).await;
        if answer.get("errors").is_some()
            || !["OK", "CONFLICT"].contains(&verdict(&answer).as_str())
        {
            failed.push(format!("{}: {}\n{answer}", attempt.name, attempt.document));
        }
        reached.insert(attempt.field.clone());
        add_reached(&answer["data"], &mut reached);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    reached
}

/// Both answers must be the same, and say nothing of globex.
fn compare(caller: &Caller, attempt: &Attempt, foreign: &Value, absent: &Value) {
    let said =
        || format!("{} {}: {}\n{foreign}\n{absent}", caller.name, attempt.name, attempt.document);
    let is_seen = SEEN_BY_OPERATORS.contains(&attempt.field.as_str());
    if caller.name == "operator" && is_seen {
        let mut reached = BTreeSet::new();
        add_reached(&foreign["data"], &mut reached);
        let types: BTreeSet<_> = reached.iter().filter_map(|it| it.split('.').next()).collect();
        assert!(!UNSEEN_BY_OPERATORS.iter().any(|it| types.contains(it)), "{}", said());
        assert!(!foreign.to_string().contains("/artifacts/"), "{}", said());
        return;
    }
    assert!(!foreign.to_string().contains(MARK), "{}", said());
    if !attempt.things.is_empty() {
        assert_eq!(foreign, absent, "{}", said());
    }
}

#[on_each_backend]
async fn strangers_see_and_change_nothing(backend: Backend) {
    let server = start(backend).await;
    let schema = Schema::read();
    let (attempts, unknown) = attempts(&schema);
    assert_eq!(unknown, BTreeSet::new(), "tests/it/tenancy/writer.rs has no");
    let (owner, globex) = fill(&server).await;
    let (callers, acme) = callers(&server, &globex.organization).await;
    let cursors = harvest(&server, &owner, &attempts, &globex).await;
    let absent = absent_like(&globex);
    // Something of globex under an organization of one's own.
    let astray = Things { organization: acme.organization.clone(), ..globex.clone() };
    let nowhere = Things { organization: acme.organization, ..absent.clone() };
    let before = owner.query(STATE, json!({ "id": globex.organization })).await;
    for caller in &callers {
        for attempt in &attempts {
            let foreign = answer(&server, &caller.client, attempt, (&globex, &cursors)).await;
            let of_absent = answer(&server, &caller.client, attempt, (&absent, &cursors)).await;
            compare(caller, attempt, &foreign, &of_absent);
            if attempt.is_astray() {
                let foreign = answer(&server, &caller.client, attempt, (&astray, &cursors)).await;
                let of_absent =
                    answer(&server, &caller.client, attempt, (&nowhere, &cursors)).await;
                compare(caller, attempt, &foreign, &of_absent);
            }
        }
    }
    let after = owner.query(STATE, json!({ "id": globex.organization })).await;
    assert_eq!(after, before, "strangers change nothing and leave nothing in the log");
    let reached = reach(&server, &owner, &attempts, (&globex, &cursors)).await;
    let unreached: Vec<_> = schema.all_fields().difference(&reached).cloned().collect();
    assert_eq!(unreached, Vec::<String>::new(), "fields that no answer had");
    let given: BTreeSet<_> = attempts.iter().flat_map(|it| it.gives.clone()).collect();
    let ungiven: Vec<_> =
        schema.all_arguments().into_keys().filter(|it| !given.contains(it)).collect();
    assert_eq!(ungiven, Vec::<String>::new(), "arguments that no attempt gave");
    println!("{} attempts by {} callers; {} fields", attempts.len(), callers.len(), reached.len());
    server.finish().await;
}
