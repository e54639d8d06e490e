//! Members through the API: setting, changing and removing roles.

use daybook_entity::{membership, membership::Role};
use daybook_tests::{Client, TestServer, Value, binary, json, on_each_engine};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

const SET: &str = "mutation($input: SetMemberInput!) { setMember(input: $input) {
    member { subject email role since } userErrors { code message path } } }";
const REMOVE: &str = "mutation($input: RemoveMemberInput!) { removeMember(input: $input) {
    removedSubject userErrors { code message path } } }";
const MEMBERS: &str = "query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    organization(id: $id) { members(first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage endCursor startCursor } nodes { subject email role } edges { cursor }
    } } }";
const ENTRIES: &str = "query($id: ID!, $action: String!) { auditLogs(organizationId: $id, filter: { action: $action }) { nodes {
    actor { externalId } resource { type externalId name } changes { field old new } outcome } } }";

async fn set(client: &Client, input: Value) -> Value {
    client.query(SET, json!({ "input": input })).await["setMember"].clone()
}

async fn remove(client: &Client, input: Value) -> Value {
    client.query(REMOVE, json!({ "input": input })).await["removeMember"].clone()
}

async fn members(client: &Client, variables: Value) -> Value {
    client.query(MEMBERS, variables).await["organization"]["members"].clone()
}

#[on_each_engine]
async fn role_is_given_changed_and_taken_and_each_is_recorded(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let carol = server.client_of("carol");
    let given = set(&admin, json!({ "organizationId": acme, "subject": "carol", "email": "carol@acme.test", "role": "AUDITOR" })).await;
    assert_eq!(given["userErrors"], json!([]));
    assert_eq!(given["member"]["role"], "AUDITOR");
    assert_eq!(given["member"]["email"], "carol@acme.test");
    let since = given["member"]["since"].clone();
    let count = "query($id: ID!) { auditLogs(organizationId: $id) { totalCount } }";
    assert_eq!(carol.send(count, json!({ "id": acme })).await.body.get("errors"), None);
    // Another role, at once; the e-mail address and the day stay.
    let changed =
        set(&admin, json!({ "organizationId": acme, "subject": "carol", "role": "WRITER" })).await;
    assert_eq!(
        changed["member"],
        json!({ "subject": "carol", "email": "carol@acme.test", "role": "WRITER", "since": since })
    );
    assert_eq!(carol.error(count, json!({ "id": acme })).await, "FORBIDDEN");
    // What changes nothing is no entry.
    set(&admin, json!({ "organizationId": acme, "subject": "carol", "role": "WRITER" })).await;
    let gone = remove(&admin, json!({ "organizationId": acme, "subject": "carol" })).await;
    assert_eq!(gone, json!({ "removedSubject": "carol", "userErrors": [] }));
    assert_eq!(carol.error(count, json!({ "id": acme })).await, "NOT_FOUND");

    let sets = admin.query(ENTRIES, json!({ "id": acme, "action": "member.set" })).await;
    let of_carol: Vec<_> = sets["auditLogs"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["resource"]["externalId"] == "carol")
        .collect();
    assert_eq!(of_carol.len(), 2);
    assert_eq!(of_carol[0]["actor"]["externalId"], "admin");
    assert_eq!(
        of_carol[0]["changes"],
        json!([{ "field": "role", "old": "AUDITOR", "new": "WRITER" }])
    );
    let removed = admin.query(ENTRIES, json!({ "id": acme, "action": "member.removed" })).await;
    assert_eq!(
        removed["auditLogs"]["nodes"][0]["changes"],
        json!([{ "field": "role", "old": "WRITER", "new": null }])
    );
}

#[on_each_engine]
async fn what_can_t_be_done_is_told_by_field(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let long = "x".repeat(201);
    for (field, value) in [
        ("subject", ""),
        ("subject", long.as_str()),
        ("subject", "a\0"),
        ("subject", " a"),
        ("subject", "\u{200b}"),
        ("subject", "a\u{202e}b"),
        ("subject", "daybook-cli"),
        ("subject", "Daybook"),
        ("subject", "day\u{200b}book-cli"),
        ("subject", "ｏｓ-user:root@web-1"),
        ("subject", "system"),
        ("subject", "API-Key:1"),
        ("email", ""),
        ("email", "a\0@b"),
        ("email", " "),
        ("organizationId", "nonsense"),
    ] {
        let mut input = json!({ "organizationId": acme, "subject": "a", "role": "ADMIN" });
        input[field] = json!(value);
        let payload = set(&admin, input.clone()).await;
        assert_eq!(payload["member"], Value::Null, "{input}");
        assert_eq!(
            (&payload["userErrors"][0]["code"], &payload["userErrors"][0]["path"]),
            (&json!("INVALID"), &json!([field])),
            "{input}"
        );
    }
    let payload = remove(&admin, json!({ "organizationId": acme, "subject": "nobody" })).await;
    assert_eq!(payload["removedSubject"], Value::Null);
    assert_eq!(
        (&payload["userErrors"][0]["code"], &payload["userErrors"][0]["path"]),
        (&json!("NOT_FOUND"), &json!(["subject"]))
    );
    let payload = remove(&admin, json!({ "organizationId": acme, "subject": "a\0" })).await;
    assert_eq!(
        (&payload["userErrors"][0]["code"], &payload["userErrors"][0]["path"]),
        (&json!("INVALID"), &json!(["subject"]))
    );
}

#[on_each_engine]
async fn last_admin_stays_until_there_is_another(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    server.set_member(&acme, "bob", Role::Auditor).await;
    let (lower, leave) = (
        json!({ "organizationId": acme, "subject": "admin", "role": "AUDITOR" }),
        json!({ "organizationId": acme, "subject": "admin" }),
    );
    for payload in [set(&admin, lower.clone()).await, remove(&admin, leave.clone()).await] {
        let error = &payload["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!("CONFLICT"), &json!(["subject"])),
            "{payload}"
        );
        assert!(error["message"].as_str().unwrap().contains("last ADMIN"), "{payload}");
    }
    // Another e-mail address is no other role.
    let same = json!({ "organizationId": acme, "subject": "admin", "email": "a@acme.test", "role": "ADMIN" });
    assert_eq!(set(&admin, same).await["userErrors"], json!([]));
    server.set_member(&acme, "bob", Role::Admin).await;
    assert_eq!(set(&admin, lower).await["userErrors"], json!([]));
    let bob = server.client_of("bob");
    let payload = remove(&bob, json!({ "organizationId": acme, "subject": "bob" })).await;
    assert_eq!(payload["userErrors"][0]["code"], "CONFLICT");
    assert_eq!(remove(&bob, leave).await["removedSubject"], "admin");
}

#[on_each_engine]
async fn two_admins_who_remove_each_other_leave_one(server: &TestServer) {
    let acme = server.organization("acme").await;
    let (ada, bob) = (server.client_of("ada"), server.client_of("bob"));
    for round in 0..20 {
        server.set_member(&acme, "ada", Role::Admin).await;
        server.set_member(&acme, "bob", Role::Admin).await;
        let of = |subject: &str| json!({ "input": { "organizationId": acme, "subject": subject } });
        let lower =
            json!({ "input": { "organizationId": acme, "subject": "ada", "role": "MEMBER" } });
        let (one, two) = if round % 2 == 0 {
            tokio::join!(ada.send(REMOVE, of("bob")), bob.send(REMOVE, of("ada")))
        } else {
            tokio::join!(ada.send(REMOVE, of("bob")), bob.send(SET, lower))
        };
        assert!([one.status, two.status] == [200, 200], "{} {}", one.body, two.body);
        let id = daybook_tests::raw_organization(&acme);
        let members = membership::Entity::find().filter(membership::Column::OrganizationId.eq(id));
        let members = members.all(server.instance().db.reader()).await.unwrap();
        let admins = members.iter().filter(|member| member.role == Role::Admin).count();
        assert_eq!(admins, 1, "{} {}", one.body, two.body);
    }
}

#[on_each_engine]
async fn command_line_takes_the_last_admin_and_gives_another(server: &TestServer) {
    let acme = server.organization("acme").await;
    server.set_member(&acme, "ada", Role::Admin).await;
    let run = |arguments: &[&str]| {
        let output = binary::daybook_of(server).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", binary::stderr(&output));
        output
    };
    let gone = run(&["member", "remove", "--organization", "acme", "ada"]);
    assert!(
        binary::stderr(&gone).contains("acme has no ADMIN now; add one with `daybook member set"),
        "{}",
        binary::stderr(&gone)
    );
    let token = run(&["token", "--organization", "acme", "--role", "admin", "--subject", "bob"]);
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let bob = Client::new(server.url(""), Some(token));
    assert_eq!(members(&bob, json!({ "id": acme })).await["totalCount"], 1);
    let same = run(&["member", "set", "--organization", "acme", "--role", "admin", "ada"]);
    assert!(!binary::stderr(&same).contains("no ADMIN"));
}

#[on_each_engine]
async fn members_are_a_connection_by_subject(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for subject in ["é", "a", "Z", "b"] {
        server.set_member(&acme, subject, Role::Member).await;
    }
    let all = members(&admin, json!({ "id": acme })).await;
    let subjects = |page: &Value| -> Vec<String> {
        page["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["subject"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(subjects(&all), ["Z", "a", "admin", "b", "é"]);
    assert_eq!(all["totalCount"], 5);
    assert_eq!(all["pageInfo"]["hasNextPage"], false);
    let first = members(&admin, json!({ "id": acme, "first": 2 })).await;
    assert_eq!(
        (subjects(&first), &first["pageInfo"]["hasNextPage"]),
        (vec!["Z".to_owned(), "a".to_owned()], &json!(true))
    );
    let next =
        members(&admin, json!({ "id": acme, "first": 3, "after": first["pageInfo"]["endCursor"] }))
            .await;
    assert_eq!(
        (subjects(&next), &next["pageInfo"]["hasNextPage"]),
        (["admin", "b", "é"].map(str::to_owned).to_vec(), &json!(false))
    );
    let last =
        members(&admin, json!({ "id": acme, "last": 2, "before": next["edges"][1]["cursor"] }))
            .await;
    assert_eq!(subjects(&last), ["a", "admin"]);
    // Another organization's cursor, a page too large, a role that may not.
    let globex = server.organization("globex").await;
    server.set_member(&globex, "admin", Role::Admin).await;
    for variables in [
        json!({ "id": globex, "after": first["pageInfo"]["endCursor"] }),
        json!({ "id": acme, "first": 101 }),
    ] {
        assert_eq!(admin.error(MEMBERS, variables).await, "BAD_USER_INPUT");
    }
    assert_eq!(
        server.client(&acme, Role::Auditor).await.error(MEMBERS, json!({ "id": acme })).await,
        "FORBIDDEN"
    );
}
