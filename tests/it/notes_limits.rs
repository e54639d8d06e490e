//! Limits on workspaces and notes, and on how many of them one answer contains.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, json, on_each_engine};

const MEBIBYTE: usize = 1024 * 1024;

const LISTS: &str = "query($id: ID!) { node(id: $id) { ... on Workspace {
    notes(first: 20) { nodes { path BODY } }
} } }";

#[on_each_engine]
async fn values_out_of_bounds_are_refused_by_field(server: &TestServer) {
    let (_, member, workspace) = acme(server).await;
    let made = member.create_note(&workspace, json!({ "path": "there" })).await;
    let id = made["note"]["id"].as_str().unwrap().to_owned();
    let (x, tags) = (|count: usize| "x".repeat(count), |count: usize| json!(vec!["t"; count]));
    for (field, value, path, code, words) in [
        ("path", json!(""), json!(["path"]), "INVALID", "1 to 500 characters"),
        ("path", json!(format!("{}x", "x/".repeat(250))), json!(["path"]), "INVALID", "1 to 500"),
        ("path", json!(x(201)), json!(["path"]), "INVALID", "at most 200 bytes"),
        ("path", json!("ö".repeat(101)), json!(["path"]), "INVALID", "one has 202"),
        ("path", json!("../etc/passwd"), json!(["path"]), "INVALID", "segment . or .."),
        ("path", json!("a/./b"), json!(["path"]), "INVALID", "segment . or .."),
        ("path", json!("/a"), json!(["path"]), "INVALID", "begin with a slash"),
        ("path", json!("a//b"), json!(["path"]), "INVALID", "empty segment"),
        ("path", json!("a/"), json!(["path"]), "INVALID", "empty segment"),
        ("path", json!("a\\b"), json!(["path"]), "INVALID", "backslash"),
        ("path", json!("a\u{0}"), json!(["path"]), "INVALID", "control"),
        ("path", json!("a\tb"), json!(["path"]), "INVALID", "control"),
        ("title", json!(""), json!(["title"]), "INVALID", "1 to 500"),
        ("title", json!(x(501)), json!(["title"]), "INVALID", "1 to 500"),
        ("title", json!("a\u{0}"), json!(["title"]), "INVALID", "NUL"),
        ("body", json!(x(MEBIBYTE + 1)), json!(["body"]), "TOO_LARGE", "has 1048577"),
        ("body", json!("a\u{0}"), json!(["body"]), "INVALID", "NUL"),
        ("tags", tags(33), json!(["tags"]), "TOO_LARGE", "at most 32 tags, has 33"),
        ("tags", json!(["a", ""]), json!(["tags", "1"]), "INVALID", "1 to 64"),
        ("tags", json!([x(65)]), json!(["tags", "0"]), "INVALID", "1 to 64"),
        ("tags", json!(["\u{0}"]), json!(["tags", "0"]), "INVALID", "NUL"),
    ] {
        let created = member.create_note(&workspace, json!({ field: value })).await;
        let updated = member.update_note(&id, 1, json!({ field: value })).await;
        for payload in [created, updated] {
            assert_eq!(payload["note"], json!(null), "{field}");
            let errors = payload["userErrors"].as_array().unwrap();
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(
                (&errors[0]["code"], &errors[0]["path"]),
                (&json!(code), &path),
                "{errors:?}"
            );
            assert!(errors[0]["message"].as_str().unwrap().contains(words), "{errors:?}");
        }
    }
    let all = json!({ "path": "", "title": "", "body": "\u{0}", "tags": [""] });
    let errors = member.create_note(&workspace, all).await["userErrors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 4, "each is named: {errors}");
}

#[on_each_engine]
async fn largest_values_are_taken_however_they_are_written(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    // A control character takes six bytes of JSON, a letter one.
    for (path, character) in [("plain", "x"), ("escaped", "\u{1b}"), ("quoted", "\"")] {
        let body = character.repeat(MEBIBYTE);
        let title = "\u{1}".repeat(500);
        let tags = vec!["\u{1}".repeat(64); 32];
        let fields = json!({ "path": path, "title": title, "body": body, "tags": tags });
        let payload = member.create_note(&workspace, fields).await;
        assert_eq!(payload["userErrors"], json!([]), "{path}");
        let id = payload["note"]["id"].as_str().unwrap();
        let found = member.query(BODY, json!({ "id": id })).await;
        assert!(found["node"]["body"].as_str() == Some(&body), "{path}");
        let changed = member
            .update_note(
                id,
                1,
                json!({ "title": "ö".repeat(500), "body": "\u{1}".repeat(1_300), "tags": [] }),
            )
            .await;
        assert_eq!(changed["userErrors"], json!([]), "{path}");
    }
    let path = format!("{0}/{0}/{1}", "x".repeat(200), "y".repeat(98));
    let payload = member.create_note(&workspace, json!({ "path": path })).await;
    assert_eq!(payload["userErrors"], json!([]));
    let admin = server.client(&acme, Role::Admin).await;
    let log = "query($id: ID!) { auditLogs(organizationId: $id, first: 100) { nodes { action changes { field old new } } } }";
    let log = admin.query(log, json!({ "id": acme })).await;
    for entry in log["auditLogs"]["nodes"].as_array().unwrap() {
        assert!(entry["changes"].to_string().len() < 64 * 1024, "{}", entry["action"]);
    }
}

#[on_each_engine]
async fn longer_request_needs_a_credential_and_long_strings(server: &TestServer) {
    let (_, member, workspace) = acme(server).await;
    let query = "query($a: [Int!]) { __typename }";
    let numbers = json!({ "a": vec![1; 600 * 1024] });
    let answer = member.send(query, numbers).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "BAD_USER_INPUT"));
    let long = json!({ "a": "x".repeat(8 * MEBIBYTE) });
    assert_eq!(member.send("{ __typename }", long).await.status, 413);
    let note = json!({ "input": {
        "workspaceId": workspace, "path": "a", "title": "a", "body": "x".repeat(MEBIBYTE),
    } });
    let create =
        "mutation($input: CreateNoteInput!) { createNote(input: $input) { userErrors { code } } }";
    assert_eq!(server.anonymous().send(create, note.clone()).await.status, 413);
    let mut stranger = server.client_of("nobody");
    stranger.token = Some("not a token".to_owned());
    assert_eq!(stranger.send(create, note.clone()).await.status, 413);
    assert_eq!(member.query(create, note).await["createNote"]["userErrors"], json!([]));
}

#[on_each_engine]
async fn workspace_s_name_is_bounded_and_unique(server: &TestServer) {
    let (acme, member, _) = acme(server).await;
    let create = async |name: &str| {
        let document = "mutation($id: ID!, $name: String!) {
            createWorkspace(input: { organizationId: $id, name: $name }) {
                workspace { name } userErrors { code path }
            }
        }";
        let payload = member.query(document, json!({ "id": acme, "name": name })).await;
        payload["createWorkspace"].clone()
    };
    for name in ["", " a", "a ", "a\nb", "a\u{0}", &"x".repeat(101)] {
        let error = json!([{ "code": "INVALID", "path": ["name"] }]);
        assert_eq!(create(name).await["userErrors"], error, "{name:?}");
    }
    let longest = "ö".repeat(100);
    assert_eq!(create(&longest).await["workspace"]["name"], json!(longest));
    let taken = json!([{ "code": "CONFLICT", "path": ["name"] }]);
    assert_eq!(create("handbook").await["userErrors"], taken);
    assert_eq!(create(&"o\u{308}".repeat(100)).await["userErrors"], taken, "the same, decomposed");
    assert_eq!(create("Handbook").await["userErrors"], json!([]));
}

#[on_each_engine]
async fn bodies_of_one_answer_are_bounded(server: &TestServer) {
    let (_, member, workspace) = acme(server).await;
    for index in 0..17 {
        let path = format!("{index:02}");
        let payload = member
            .create_note(&workspace, json!({ "path": path, "body": "x".repeat(MEBIBYTE) }))
            .await;
        assert_eq!(payload["userErrors"], json!([]));
    }
    let variables = json!({ "id": workspace });
    for (document, is_taken) in [
        (LISTS.replace("BODY", ""), true),
        (LISTS.replace("BODY", "body"), false),
        (LISTS.replace("20", "15").replace("BODY", "body"), true),
        (
            LISTS.replace("nodes { path BODY }", "edges { node { path ...b } }")
                + " fragment b on Note { body }",
            false,
        ),
        (
            "query($id: ID!) { a: node(id: $id) { ...n } b: node(id: $id) { ...n } }
          fragment n on Workspace { notes(first: 9) { nodes { body } } }"
                .to_owned(),
            false,
        ),
    ] {
        let answer = member.send(&document, variables.clone()).await;
        if is_taken {
            assert_eq!(answer.body.get("errors"), None, "{document}");
        } else {
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{document}");
            let message = answer.body["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains("request fewer"), "{message}");
        }
    }
    let ids = "query($id: ID!) { node(id: $id) { ... on Workspace { notes { nodes { id } } } } }";
    let ids = member.query(ids, variables).await;
    let id = ids["node"]["notes"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Note { body } } }";
    let answer = member.send(nodes, json!({ "ids": vec![id; 17] })).await;
    assert_eq!(answer.code(), "BAD_USER_INPUT");
}

const BODY: &str = "query($id: ID!) { node(id: $id) { ... on Note { body } } }";

/// The organization acme, a member of it, and a workspace.
async fn acme(server: &TestServer) -> (String, Client, String) {
    let acme = server.organization("acme").await;
    let member = server.client(&acme, Role::Member).await;
    let workspace = member.create_workspace(&acme, "handbook").await;
    (acme, member, workspace)
}
