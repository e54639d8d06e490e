//! Notes: created, changed from the version that was read, deleted, and each change in the log.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};
use sha2::{Digest, Sha256};

const NOTE: &str = "query($id: ID!) { node(id: $id) { ... on Note {
    id path title body tags version createdAt updatedAt
    workspace { id name organization { slug } }
} } }";

const LOG: &str = "query($id: ID!) { auditLogs(
    organizationId: $id, orderBy: RECORDED_ASC, filter: { actorId: \"member\" }
) { nodes {
    action outcome recordedBy resource { type externalId name } changes { field old new } metadata { requestId }
} } }";

#[on_each_engine]
async fn note_is_created_changed_and_deleted(server: &TestServer) {
    let (_, member, workspace) = acme(server).await;
    let body = "# Tëst\r\n\u{1b}[0m \u{202e}rtl 🦀\n\n";
    let fields = json!({ "path": "cafe\u{301}/menu", "title": "Menü:\n\"x\"", "body": body, "tags": ["b", "a", "b"] });
    let payload = member.create_note(&workspace, fields).await;
    assert_eq!(payload["userErrors"], json!([]));
    let id = payload["note"]["id"].as_str().unwrap();
    let note = note(&member, id).await;
    assert_eq!(note["path"], "café/menu", "normalized");
    assert_eq!((&note["title"], &note["body"]), (&json!("Menü:\n\"x\""), &json!(body)));
    assert_eq!((&note["tags"], &note["version"]), (&json!(["b", "a", "b"]), &json!(1)));
    assert_eq!(note["createdAt"], note["updatedAt"]);
    let organization = json!({ "slug": "acme" });
    let place = json!({ "id": workspace, "name": "handbook", "organization": organization });
    assert_eq!(note["workspace"], place);

    let changed =
        member.update_note(id, 1, json!({ "title": "Menu", "tags": null })).await["note"].clone();
    assert_eq!((&changed["title"], &changed["version"]), (&json!("Menu"), &json!(2)));
    assert_eq!(
        (&changed["body"], &changed["tags"]),
        (&json!(body), &json!(["b", "a", "b"])),
        "stays"
    );
    assert_eq!(changed["createdAt"], note["createdAt"]);
    assert!(changed["updatedAt"].as_str() > note["updatedAt"].as_str());
    let moved = member.update_note(id, 2, json!({ "path": "menu", "tags": [], "body": "" })).await;
    let read = self::note(&member, id).await;
    assert_eq!(
        (&read["path"], &read["body"], &read["tags"]),
        (&json!("menu"), &json!(""), &json!([]))
    );
    assert_eq!(moved["note"]["version"], 3);

    assert_eq!(member.delete_note(id).await, json!({ "deletedNoteId": id, "userErrors": [] }));
    assert_eq!(self::note(&member, id).await, json!(null));
    for payload in [member.delete_note(id).await, member.update_note(id, 3, json!({})).await] {
        let error = &payload["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!("NOT_FOUND"), &json!(["noteId"])));
    }
    assert_eq!(
        member.create_note(&workspace, json!({ "path": "menu" })).await["userErrors"],
        json!([])
    );
}

#[on_each_engine]
async fn change_from_an_older_version_is_a_conflict(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let id = create(&member, &workspace, json!({})).await;
    member.update_note(&id, 1, json!({ "body": "first" })).await;
    for version in [1, 3, 0, -1, i32::MAX] {
        let payload = member.update_note(&id, version, json!({ "body": "second" })).await;
        assert_eq!(payload["note"], json!(null));
        let error = &payload["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!("CONFLICT"), &json!(["expectedVersion"]))
        );
    }
    let note = note(&member, &id).await;
    assert_eq!((&note["body"], &note["version"]), (&json!("first"), &json!(2)));
    let before = log(server, &acme).await.len();
    let same = member.update_note(&id, 2, json!({ "body": "first", "title": "A" })).await;
    assert_eq!(
        (&same["note"]["version"], &same["userErrors"]),
        (&json!(2), &json!([])),
        "no change"
    );
    assert_eq!(log(server, &acme).await.len(), before, "and none in the log");
}

#[on_each_engine]
async fn of_simultaneous_changes_of_one_version_one_is_made(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let id = create(&member, &workspace, json!({})).await;
    for round in 0..5 {
        let texts: Vec<_> = (0..8).map(|index| format!("{round}.{index}")).collect();
        let changes =
            texts.iter().map(|text| member.update_note(&id, round + 1, json!({ "body": text })));
        let payloads = futures::future::join_all(changes).await;
        let winners: Vec<_> =
            payloads.iter().filter(|payload| payload["userErrors"] == json!([])).collect();
        assert_eq!(winners.len(), 1, "{payloads:?}");
        for payload in payloads.iter().filter(|payload| payload["note"].is_null()) {
            assert_eq!(payload["userErrors"][0]["code"], "CONFLICT");
        }
        let note = note(&member, &id).await;
        assert_eq!(
            (&note["version"], &note["body"]),
            (&json!(round + 2), &winners[0]["note"]["body"])
        );
    }
    let updates = log(server, &acme).await;
    let updates = updates.iter().filter(|entry| entry["action"] == "note.updated").count();
    assert_eq!(updates, 5, "one entry a change that was made");
}

#[on_each_engine]
async fn path_is_unique_in_its_workspace(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let other = member.create_workspace(&acme, "other").await;
    create(&member, &workspace, json!({ "path": "é" })).await;
    let id = create(&member, &workspace, json!({ "path": "b" })).await;
    let taken = json!([{
        "code": "CONFLICT", "message": "another note of the workspace has this path", "path": ["path"],
    }]);
    for path in ["é", "e\u{301}"] {
        assert_eq!(
            member.create_note(&workspace, json!({ "path": path })).await["userErrors"],
            taken
        );
        assert_eq!(member.update_note(&id, 1, json!({ "path": path })).await["userErrors"], taken);
    }
    for path in ["É", "é/b"] {
        create(&member, &workspace, json!({ "path": path })).await;
    }
    create(&member, &other, json!({ "path": "é" })).await;
    let creations = (0..6).map(|_| member.create_note(&workspace, json!({ "path": "at once" })));
    let payloads = futures::future::join_all(creations).await;
    let made = payloads.iter().filter(|payload| !payload["note"].is_null()).count();
    assert_eq!(made, 1, "{payloads:?}");
}

#[on_each_engine]
async fn each_change_is_an_entry_with_old_and_new(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let long = "ö".repeat(300_000);
    let id =
        create(&member, &workspace, json!({ "path": "a/b", "body": "small\n", "tags": ["x"] }))
            .await;
    member.update_note(&id, 1, json!({ "path": "c", "body": long, "title": "A" })).await;
    member.delete_note(&id).await;
    let entries = log(server, &acme).await;
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["workspace.created", "note.created", "note.updated", "note.deleted"]);
    for entry in &entries {
        assert_eq!(
            (&entry["recordedBy"], &entry["outcome"]),
            (&json!("member"), &json!("SUCCESS"))
        );
        assert!(entry["metadata"]["requestId"].is_string());
    }
    assert_eq!(
        entries[0]["resource"],
        json!({ "type": "workspace", "externalId": workspace, "name": "handbook" })
    );
    assert_eq!(entries[0]["changes"], json!([{ "field": "name", "old": null, "new": "handbook" }]));
    for (entry, path) in entries[1..].iter().zip(["a/b", "c", "c"]) {
        assert_eq!(entry["resource"], json!({ "type": "note", "externalId": id, "name": path }));
    }
    let digest: String = Sha256::digest(&long).iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = json!({ "sha256": digest, "bytes": 600_000 });
    assert_eq!(
        entries[1]["changes"],
        json!([
            { "field": "path", "old": null, "new": "a/b" },
            { "field": "title", "old": null, "new": "A" },
            { "field": "body", "old": null, "new": "small\n" },
            { "field": "tags", "old": null, "new": ["x"] },
        ])
    );
    assert_eq!(
        entries[2]["changes"],
        json!([
            { "field": "path", "old": "a/b", "new": "c" },
            { "field": "body", "old": "small\n", "new": digest },
        ])
    );
    assert_eq!(
        entries[3]["changes"],
        json!([
            { "field": "path", "old": "c", "new": null },
            { "field": "title", "old": "A", "new": null },
            { "field": "body", "old": digest, "new": null },
            { "field": "tags", "old": ["x"], "new": null },
        ])
    );
}

#[on_each_engine]
async fn role_counts_as_it_is_now(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let id = create(&member, &workspace, json!({})).await;
    let read = "query($id: ID!) { node(id: $id) { id } }";
    let change = "mutation($id: ID!) { updateNote(input: { noteId: $id, expectedVersion: 1, title: \"B\" }) {
        userErrors { code } } }";
    let list = "query($id: ID!) { organization(id: $id) { workspaces { nodes { notes { nodes { path } } } } } }";
    let variables = json!({ "id": id });
    server.set_member(&acme, "member", Role::Writer).await;
    for document in [read, change] {
        assert_eq!(member.error(document, variables.clone()).await, "FORBIDDEN");
    }
    assert_eq!(member.error(list, json!({ "id": acme })).await, "FORBIDDEN");
    server.remove_member(&acme, "member").await;
    assert_eq!(member.query(read, variables.clone()).await["node"], json!(null));
    let payload = member.query(change, variables.clone()).await;
    assert_eq!(payload["updateNote"]["userErrors"][0]["code"], "NOT_FOUND");
    assert_eq!(member.query(list, json!({ "id": acme })).await["organization"], json!(null));
    server.set_member(&acme, "member", Role::Member).await;
    let payload = member.query(change, variables).await;
    assert_eq!(payload["updateNote"]["userErrors"], json!([]));
    let found = member.query(list, json!({ "id": acme })).await;
    let notes = json!({ "nodes": [{ "notes": { "nodes": [{ "path": "a" }] } }] });
    assert_eq!(found["organization"]["workspaces"], notes);
}

/// The organization acme, a member of it, and a workspace.
async fn acme(server: &TestServer) -> (String, Client, String) {
    let acme = server.organization("acme").await;
    let member = server.client(&acme, Role::Member).await;
    let workspace = member.create_workspace(&acme, "handbook").await;
    (acme, member, workspace)
}

async fn create(client: &Client, workspace: &str, fields: Value) -> String {
    let payload = client.create_note(workspace, fields).await;
    assert_eq!(payload["userErrors"], json!([]));
    payload["note"]["id"].as_str().unwrap().to_owned()
}

async fn note(client: &Client, id: &str) -> Value {
    client.query(NOTE, json!({ "id": id })).await["node"].clone()
}

/// Returns the member's entries, as an administrator reads them.
async fn log(server: &TestServer, organization: &str) -> Vec<Value> {
    let admin = server.client(organization, Role::Admin).await;
    let data = admin.query(LOG, json!({ "id": organization })).await;
    data["auditLogs"]["nodes"].as_array().unwrap().clone()
}
