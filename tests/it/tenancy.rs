//! Tenants do not meet: what is another organization's looks as if it weren't there.

use std::collections::BTreeSet;

use async_graphql::parser::{
    parse_schema,
    types::{
        InputValueDefinition, ServiceDocument, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};
use daybook_entity::membership::Role;
use daybook_service::GlobalId;
use daybook_tests::{
    Client, TestServer, Value,
    fields::{OPERATIONS, Operation, Things, ask},
    json, on_each_engine, raw_organization,
};
use uuid::Uuid;

/// Every argument that takes an ID, and the variables of [`OPERATIONS`] that try it.
const ID_ARGUMENTS: &[&str] = &[
    "Mutation.cancelJob(input.jobId)",
    "Mutation.createApiKey(input.organizationId)",
    "Mutation.createNote(input.workspaceId)",
    "Mutation.createWorkspace(input.organizationId)",
    "Mutation.deleteNote(input.noteId)",
    "Mutation.recordAuditLogs(input.organizationId)",
    "Mutation.removeMember(input.organizationId)",
    "Mutation.retryJob(input.jobId)",
    "Mutation.revokeApiKey(input.apiKeyId)",
    "Mutation.setMember(input.organizationId)",
    "Mutation.startBackup(input.organizationId)",
    "Mutation.startExport(input.organizationId)",
    "Mutation.startExport(input.source.notes.workspaceId)",
    "Mutation.updateNote(input.noteId)",
    "Query.auditLog(id)",
    "Query.auditLogHistogram(organizationId)",
    "Query.auditLogValues(organizationId)",
    "Query.auditLogs(organizationId)",
    "Query.exportEstimate(organizationId)",
    "Query.exportEstimate(source.notes.workspaceId)",
    "Query.job(id)",
    "Query.jobs(organizationId)",
    "Query.node(id)",
    "Query.nodes(ids)",
    "Query.organization(id)",
    "Subscription.auditLogRecorded(organizationId)",
    "Subscription.jobUpdates(jobId)",
    "Subscription.jobUpdates(organizationId)",
];

/// Every type that `node` gives.
const NODE_TYPES: &[&str] =
    &["ApiKey", "AuditLog", "BackupJob", "ExportJob", "Note", "Organization", "Workspace"];

#[test]
fn every_field_and_every_id_is_tried() {
    let schema = parse_schema(daybook_api::graphql::sdl()).unwrap();
    let mut fields = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut nodes = BTreeSet::new();
    for definition in types(&schema) {
        let TypeKind::Object(object) = &definition.kind else { continue };
        let name = &definition.name.node;
        if object.implements.iter().any(|interface| interface.node == "Node") {
            nodes.insert(name.to_string());
        }
        for field in &object.fields {
            let path = format!("{name}.{}", field.node.name.node);
            for argument in &field.node.arguments {
                let mut inner = Vec::new();
                add_ids(&schema, &argument.node, String::new(), &mut inner);
                ids.extend(inner.into_iter().map(|id| format!("{path}({id})")));
            }
            if ["Query", "Mutation", "Subscription"].contains(&name.as_str()) {
                fields.insert(path);
            }
        }
    }
    let tried: BTreeSet<_> =
        OPERATIONS.iter().map(|operation| operation.field().to_owned()).collect();
    assert_eq!(tried, fields, "root fields: give each an operation in tests/src/fields.rs");
    assert_eq!(
        ids.iter().map(String::as_str).collect::<Vec<_>>(),
        ID_ARGUMENTS,
        "arguments that take IDs"
    );
    assert_eq!(nodes.iter().map(String::as_str).collect::<Vec<_>>(), NODE_TYPES, "types with IDs");
    for node in NODE_TYPES {
        for field in ["node", "nodes"] {
            let name = format!("Query.{field}: {node}");
            assert!(
                OPERATIONS.iter().any(|operation| operation.name == name),
                "{name} is not tried"
            );
        }
    }
}

on_each_engine! {
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
        let watch = OPERATIONS.iter().find(|operation| operation.name == "Subscription.jobUpdates: jobId");
        let mut answers = Vec::new();
        for job in [foreign.job, job, absent.job.clone()] {
            let things = Things { organization: own.clone(), job, ..absent.clone() };
            answers.push(answer(server, &mallory, watch.unwrap(), &things).await);
        }
        let code = json!({ "code": "NOT_FOUND", "argument": "jobId" });
        assert_eq!(answers[0]["errors"][0]["extensions"], code);
        assert_eq!((&answers[0], &answers[0]), (&answers[1], &answers[2]));
    }

    async fn id_of_another_type_is_refused(server: &TestServer) {
        let acme = server.organization("acme").await;
        let admin = server.client(&acme, Role::Admin).await;
        let things = Things::of(&admin, &acme, "acme").await;
        let Things { organization, entry, job, workspace, note, .. } = things;
        for (field, argument, wrong) in [
            ("organization(id: $id) { id }", "id", [&entry, &job, &note]),
            ("auditLogs(organizationId: $id) { totalCount }", "organizationId", [&entry, &job, &workspace]),
            ("jobs(organizationId: $id) { totalCount }", "organizationId", [&entry, &job, &note]),
            ("auditLog(id: $id) { id }", "id", [&organization, &job, &workspace]),
            ("job(id: $id) { id }", "id", [&organization, &entry, &note]),
        ] {
            let nonsense = ["", "nonsense", "AAAA", "\u{0}"].map(str::to_owned);
            for id in wrong.into_iter().chain(&nonsense) {
                let answer = admin.send(&format!("query($id: ID!) {{ {field} }}"), json!({ "id": id })).await;
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

fn types(schema: &ServiceDocument) -> impl Iterator<Item = &TypeDefinition> {
    schema.definitions.iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(&definition.node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    })
}

/// The paths from `input` down to what takes an ID.
fn add_ids(
    schema: &ServiceDocument,
    input: &InputValueDefinition,
    above: String,
    ids: &mut Vec<String>,
) {
    let path = format!("{above}{}", input.name.node);
    let ty = input.ty.node.to_string().replace(['[', ']', '!'], "");
    if ty == "ID" {
        ids.push(path.clone());
    }
    let inner = types(schema).find(|definition| definition.name.node == ty);
    if let Some(TypeKind::InputObject(object)) = inner.map(|definition| &definition.kind) {
        for field in &object.fields {
            add_ids(schema, &field.node, format!("{path}."), ids);
        }
    }
}
