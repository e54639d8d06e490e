//! Tenants are isolated: what belongs to another organization looks as if it did not exist.

mod answers;
mod attempts;
mod rights;
mod roles;
mod routes;
pub(crate) mod schema;
mod walk;
mod writer;

use std::collections::BTreeSet;

use async_graphql::parser::types::FieldDefinition;
use daybook_entity::membership::Role;
use daybook_service::GlobalId;
use daybook_tests::{
    Client, TestServer, Value,
    fields::{OPERATIONS, Operation, Things, ask},
    json, on_each_engine, raw_organization,
};
use uuid::Uuid;

use schema::{ROOTS, Schema};

#[test]
fn every_root_field_and_every_node_type_has_an_operation() {
    let schema = Schema::read();
    let name = |root, field: &FieldDefinition| format!("{root}.{}", field.name.node);
    let fields: BTreeSet<_> = ROOTS
        .iter()
        .flat_map(|root| schema.fields(root).into_iter().map(move |field| name(root, field)))
        .collect();
    let tried: BTreeSet<_> =
        OPERATIONS.iter().map(|operation| operation.field().to_owned()).collect();
    assert_eq!(tried, fields, "root fields: give each an operation in tests/src/fields.rs");
    let nodes = schema.possible("Node");
    assert!(nodes.len() > 6, "{nodes:?}");
    for node in nodes {
        for field in ["node", "nodes"] {
            let name = format!("Query.{field}: {node}");
            assert!(
                OPERATIONS.iter().any(|operation| operation.name == name),
                "{name} is not tried"
            );
        }
    }
}

#[on_each_engine]
async fn foreign_and_absent_look_alike(server: &TestServer) {
    let (foreign, mallory) = strangers(server).await;
    let absent = absent_like(&foreign);
    for operation in OPERATIONS {
        let of_foreign = answer(server, &mallory, operation, &foreign).await;
        let of_absent = answer(server, &mallory, operation, &absent).await;
        assert_eq!(of_foreign, of_absent, "{}", operation.name);
        let text = of_foreign.to_string();
        assert!(!text.contains("globex"), "{}: {text}", operation.name);
    }
    let log = "query($id: ID!) { auditLogs(organizationId: $id, filter: { actorId: \"mallory\" }) { totalCount } }";
    let owner = server.client_of("admin");
    let told = owner.query(log, json!({ "id": foreign.organization })).await;
    assert_eq!(told["auditLogs"]["totalCount"], 0, "a stranger leaves nothing in the log");
}

#[on_each_engine]
async fn foreign_thing_in_a_place_of_one_s_own_is_not_found(server: &TestServer) {
    let (foreign, mallory) = strangers(server).await;
    let own = mallory.query("{ viewer { memberships { organization { id } } } }", json!({})).await;
    let own = own["viewer"]["memberships"][0]["organization"]["id"].as_str().unwrap().to_owned();
    let organization_id = raw_organization(&own);
    let Ok(GlobalId::AuditLog { sequence, id, .. }) = foreign.entry.parse() else { panic!() };
    let entry = GlobalId::AuditLog { organization_id, sequence, id }.to_string();
    let Ok(GlobalId::Job { id, .. }) = foreign.job.parse() else { panic!() };
    let job = GlobalId::Job { organization_id, id }.to_string();
    let Ok(GlobalId::Workspace { id, .. }) = foreign.workspace.parse() else { panic!() };
    let workspace = GlobalId::Workspace { organization_id, id }.to_string();
    let Ok(GlobalId::Note { id, .. }) = foreign.note.parse() else { panic!() };
    let note = GlobalId::Note { organization_id, id }.to_string();
    let data = mallory
        .query(
            "query($entry: ID!, $job: ID!, $workspace: ID!, $note: ID!) {
                auditLog(id: $entry) { id } job(id: $job) { id }
                nodes(ids: [$entry, $job, $workspace, $note]) { id }
            }",
            json!({ "entry": entry, "job": job, "workspace": workspace, "note": note }),
        )
        .await;
    assert_eq!(data, json!({ "auditLog": null, "job": null, "nodes": [null, null, null, null] }));
    for (payload, field) in [
        (mallory.create_note(&workspace, json!({})).await, "workspaceId"),
        (mallory.update_note(&note, 1, json!({ "title": "B" })).await, "noteId"),
        (mallory.delete_note(&note).await, "noteId"),
    ] {
        let error = &payload["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!("NOT_FOUND"), &json!([field])));
    }

    let absent = absent_like(&foreign);
    let watch =
        OPERATIONS.iter().find(|operation| operation.name == "Subscription.jobUpdates: jobId");
    let mut answers = Vec::new();
    for job in [foreign.job, job, absent.job.clone()] {
        let things = Things { organization: own.clone(), job, ..absent.clone() };
        answers.push(answer(server, &mallory, watch.unwrap(), &things).await);
    }
    let code = json!({ "code": "NOT_FOUND", "argument": "jobId" });
    assert_eq!(answers[0]["errors"][0]["extensions"], code);
    assert_eq!((&answers[0], &answers[0]), (&answers[1], &answers[2]));
}

#[on_each_engine]
async fn id_of_another_type_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let things = Things::of(&admin, &acme, "acme").await;
    let Things { organization, entry, job, workspace, note, .. } = things;
    for (field, argument, wrong) in [
        ("organization(id: $id) { id }", "id", [&entry, &job, &note]),
        (
            "auditLogs(organizationId: $id) { totalCount }",
            "organizationId",
            [&entry, &job, &workspace],
        ),
        ("jobs(organizationId: $id) { totalCount }", "organizationId", [&entry, &job, &note]),
        ("auditLog(id: $id) { id }", "id", [&organization, &job, &workspace]),
        ("job(id: $id) { id }", "id", [&organization, &entry, &note]),
    ] {
        let nonsense = ["", "nonsense", "AAAA", "\u{0}"].map(str::to_owned);
        for id in wrong.into_iter().chain(&nonsense) {
            let answer =
                admin.send(&format!("query($id: ID!) {{ {field} }}"), json!({ "id": id })).await;
            let extensions = &answer.body["errors"][0]["extensions"];
            assert_eq!(extensions["code"], "BAD_USER_INPUT", "{field} {id}: {answer:?}");
            assert_eq!(extensions["argument"], argument, "{field} {id}: {answer:?}");
        }
    }
    for (payload, field) in [
        (admin.create_note(&note, json!({})).await, "workspaceId"),
        (admin.update_note(&workspace, 1, json!({})).await, "noteId"),
        (admin.delete_note(&job).await, "noteId"),
    ] {
        let error = &payload["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!("INVALID"), &json!([field])));
    }
    let slug = "{ organization(slug: \"\\u0000\") { id } }";
    assert_eq!(admin.query(slug, json!({})).await, json!({ "organization": null }));
}

/// Things of the organization globex, and a member of another that may do everything there.
async fn strangers(server: &TestServer) -> (Things, Client) {
    let globex = server.organization("globex").await;
    let owner = server.client(&globex, Role::Admin).await;
    let things = Things::of(&owner, &globex, "globex").await;
    let acme = server.organization("acme").await;
    server.set_member(&acme, "mallory", Role::Admin).await;
    let mallory = server.client_of("mallory");
    // So that her log has entries at the sequences of the others'.
    mallory.record(&acme, 5).await;
    (things, mallory)
}

/// IDs of the same kinds that lead nowhere.
fn absent_like(things: &Things) -> Things {
    let organization_id = Uuid::from_bytes(daybook_service::random_bytes());
    let id = Uuid::from_bytes(daybook_service::random_bytes());
    let Ok(GlobalId::AuditLog { sequence, .. }) = things.entry.parse() else { panic!() };
    Things {
        organization: GlobalId::Organization(organization_id).to_string(),
        slug: "initech".to_owned(),
        entry: GlobalId::AuditLog { organization_id, sequence, id }.to_string(),
        job: GlobalId::Job { organization_id, id }.to_string(),
        backup: GlobalId::Job { organization_id, id }.to_string(),
        cursor: things.cursor.clone(),
        workspace: GlobalId::Workspace { organization_id, id }.to_string(),
        note: GlobalId::Note { organization_id, id }.to_string(),
        key: GlobalId::ApiKey { organization_id, id }.to_string(),
        name: things.name.clone(),
    }
}

/// The answer, with IDs that were asked for replaced by what they are.
async fn answer(
    server: &TestServer,
    client: &Client,
    operation: &Operation,
    things: &Things,
) -> Value {
    let variables = things.variables();
    let answer = ask(server, client.token.as_deref(), operation, variables.clone()).await;
    let text =
        variables.as_object().unwrap().iter().fold(answer.to_string(), |text, (name, id)| {
            text.replace(id.as_str().unwrap(), &format!("${name}"))
        });
    text.parse().unwrap()
}
