//! Pages of workspaces and of notes: complete, in order, and clear about what they refuse.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};

const WORKSPACES: &str =
    "query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    node(id: $id) { ... on Organization {
        page: workspaces(first: $first, after: $after, last: $last, before: $before) {
            totalCount edges { cursor node { key: name } } nodes { key: name }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    } }
}";

const NOTES: &str = "query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    node(id: $id) { ... on Workspace {
        page: notes(first: $first, after: $after, last: $last, before: $before) {
            totalCount edges { cursor node { key: path } } nodes { key: path }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    } }
}";

/// In the order of their bytes, which no database's own collation gives.
const KEYS: [&str; 7] = ["B", "Z/a", "a", "a b", "a/b", "b", "é"];

#[on_each_engine]
async fn pages_of_workspaces_are_whole_and_in_order(server: &TestServer) {
    let (acme, member) = acme(server).await;
    let (_, stranger) = self::globex(server).await;
    check_empty(&member, WORKSPACES, &acme).await;
    for name in ["b", "a/b", "B", "é", "Z/a", "a b", "a"] {
        member.create_workspace(&acme, name).await;
    }
    check(&member, WORKSPACES, &acme).await;
    let answer = stranger.query(WORKSPACES, json!({ "id": acme })).await;
    assert_eq!(answer["node"], json!(null));
}

#[on_each_engine]
async fn pages_of_notes_are_whole_and_in_order(server: &TestServer) {
    let (acme, member) = acme(server).await;
    let (_, stranger) = self::globex(server).await;
    let workspace = member.create_workspace(&acme, "w").await;
    let other = member.create_workspace(&acme, "other").await;
    check_empty(&member, NOTES, &workspace).await;
    for path in ["b", "a/b", "B", "é", "Z/a", "a b", "a"] {
        member.create_note(&workspace, json!({ "path": path })).await;
        member.create_note(&other, json!({ "path": format!("other/{path}") })).await;
    }
    check(&member, NOTES, &workspace).await;
    let answer = stranger.query(NOTES, json!({ "id": workspace })).await;
    assert_eq!(answer["node"], json!(null));
    let bodies = NOTES.replace("nodes { key: path }", "nodes { key: path body }");
    let page = page(&member, &bodies, json!({ "id": workspace, "first": 2 })).await;
    let first = json!([{ "key": "B", "body": "a" }, { "key": "Z/a", "body": "a" }]);
    assert_eq!((&page["nodes"], &page["pageInfo"]["hasNextPage"]), (&first, &json!(true)));
}

#[on_each_engine]
async fn cursor_is_good_for_its_own_list_only(server: &TestServer) {
    let (acme, member) = acme(server).await;
    let (globex, _) = globex(server).await;
    server.set_member(&globex, "member", Role::Member).await;
    let mut cursors = Vec::new();
    for organization in [&acme, &globex] {
        let workspace = member.create_workspace(organization, "w").await;
        let second = member.create_workspace(organization, "x").await;
        for workspace in [&workspace, &second] {
            member.create_note(workspace, json!({ "path": "w" })).await;
        }
        for (list, id) in [(WORKSPACES, organization), (NOTES, &workspace), (NOTES, &second)] {
            let page = page(&member, list, json!({ "id": id, "first": 1 })).await;
            cursors.push((
                list,
                id.clone(),
                page["edges"][0]["cursor"].as_str().unwrap().to_owned(),
            ));
        }
    }
    for (list, id, own) in &cursors {
        let others = cursors.iter().map(|(.., cursor)| cursor).filter(|cursor| *cursor != own);
        let nonsense = ["".to_owned(), "nonsense".to_owned(), own[..own.len() - 2].to_owned()];
        for cursor in others.chain(&nonsense) {
            for argument in ["after", "before"] {
                refused(&member, list, json!({ "id": id, argument: cursor }), argument).await;
            }
        }
        page(&member, list, json!({ "id": id, "after": own })).await;
    }
}

async fn acme(server: &TestServer) -> (String, Client) {
    let acme = server.organization("acme").await;
    let member = server.client(&acme, Role::Member).await;
    (acme, member)
}

async fn globex(server: &TestServer) -> (String, Client) {
    let globex = server.organization("globex").await;
    server.set_member(&globex, "stranger", Role::Admin).await;
    (globex, server.client_of("stranger"))
}

async fn check_empty(client: &Client, list: &str, id: &str) {
    let info = json!({
        "hasNextPage": false, "hasPreviousPage": false, "startCursor": null, "endCursor": null,
    });
    let empty = json!({ "totalCount": 0, "edges": [], "nodes": [], "pageInfo": info });
    for extra in [json!({ "id": id }), json!({ "id": id, "last": 5 })] {
        assert_eq!(page(client, list, extra).await, empty);
    }
}

/// A list of [`KEYS`]: exact pages, one more and one less, both ways, and over the cap.
async fn check(client: &Client, list: &str, id: &str) {
    for (count, next, previous) in [(7, false, false), (8, false, false), (6, true, false)] {
        let page = page(client, list, json!({ "id": id, "first": count })).await;
        assert_eq!(keys(&page), KEYS[..KEYS.len().min(count)], "first {count}");
        assert_eq!(page["totalCount"], 7);
        let info = &page["pageInfo"];
        assert_eq!(
            (&info["hasNextPage"], &info["hasPreviousPage"]),
            (&json!(next), &json!(previous))
        );
        let page = self::page(client, list, json!({ "id": id, "last": count })).await;
        assert_eq!(keys(&page), KEYS[KEYS.len().saturating_sub(count)..], "last {count}");
        let info = &page["pageInfo"];
        assert_eq!(
            (&info["hasNextPage"], &info["hasPreviousPage"]),
            (&json!(previous), &json!(next))
        );
    }
    for size in 1..=3 {
        let mut walked = Vec::new();
        let mut variables = json!({ "id": id, "first": size });
        loop {
            let page = page(client, list, variables.clone()).await;
            walked.extend(keys(&page));
            variables["after"] = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(walked, KEYS, "forward by {size}");
        let mut walked = Vec::new();
        let mut variables = json!({ "id": id, "last": size });
        loop {
            let page = page(client, list, variables.clone()).await;
            walked.splice(0..0, keys(&page));
            variables["before"] = page["pageInfo"]["startCursor"].clone();
            if page["pageInfo"]["hasPreviousPage"] == false {
                break;
            }
        }
        assert_eq!(walked, KEYS, "backward by {size}");
    }
    for (extra, argument) in [
        (json!({ "first": 101 }), "first"),
        (json!({ "last": 101 }), "last"),
        (json!({ "first": -1 }), "first"),
        (json!({ "first": 1, "last": 1 }), "last"),
    ] {
        let mut variables = json!({ "id": id });
        variables.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        refused(client, list, variables, argument).await;
    }
    assert_eq!(keys(&page(client, list, json!({ "id": id, "first": 100 })).await), KEYS);
}

async fn page(client: &Client, list: &str, variables: Value) -> Value {
    client.query(list, variables).await["node"]["page"].clone()
}

async fn refused(client: &Client, list: &str, variables: Value, argument: &str) {
    let answer = client.send(list, variables.clone()).await;
    let extensions = json!({ "code": "BAD_USER_INPUT", "argument": argument });
    assert_eq!(answer.body["errors"][0]["extensions"], extensions, "{variables}: {answer:?}");
}

/// The nodes' keys, which are those of the edges.
fn keys(page: &Value) -> Vec<String> {
    let nodes = page["nodes"].as_array().unwrap();
    for (edge, node) in page["edges"].as_array().unwrap().iter().zip(nodes) {
        assert_eq!(edge["node"]["key"], node["key"]);
    }
    nodes.iter().map(|node| node["key"].as_str().unwrap().to_owned()).collect()
}
