//! API keys: shown once, valid for one role in one organization, and ended by expiry or revocation.

use std::time::{Duration, Instant};

use daybook_entity::{api_key, membership::Role};
use daybook_tests::{
    Client, Events, TestServer, Value, binary, eventually, json, on_each_engine,
    on_each_idle_engine,
};
use sea_orm::EntityTrait;

const VIEWER: &str =
    "{ viewer { subject email isOperator memberships { role organization { slug } } } }";
const COUNT: &str = "query($id: ID!) { auditLogs(organizationId: $id) { totalCount } }";
const KEYS: &str = "query($id: ID!, $first: Int, $after: String) { organization(id: $id) {
    apiKeys(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
        nodes { id name prefix subject role createdBy expiresAt revokedAt lastUsedAt } } } }";
const REVOKE: &str = "mutation($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) {
    apiKey { revokedAt } userErrors { code message path } } }";
const ENTRIES: &str = "query($id: ID!, $action: String!) { auditLogs(organizationId: $id, filter: { action: $action }) {
    nodes { recordedBy outcome actor { externalId type } resource { type externalId name } changes { field old new } } } }";
const RECORDED: &str =
    "subscription($id: ID!) { auditLogRecorded(organizationId: $id) { node { action } } }";

/// Creates an organization with an ADMIN, and a client with a key for `role`. Also returns the payload that
/// created the key.
async fn with_key(server: &TestServer, role: &str) -> (String, Client, Client, Value) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let created = admin.create_api_key(&acme, role, json!({})).await;
    assert_eq!(created["userErrors"], json!([]));
    let client = Client::new(server.url(""), Some(created["key"].as_str().unwrap().to_owned()));
    (acme, admin, client, created)
}

async fn revoke(admin: &Client, created: &Value) -> Value {
    admin.query(REVOKE, json!({ "id": created["apiKey"]["id"] })).await["revokeApiKey"].clone()
}

async fn keys(admin: &Client, organization: &str) -> Value {
    admin.query(KEYS, json!({ "id": organization })).await["organization"]["apiKeys"].clone()
}

#[on_each_engine]
async fn key_does_its_role_s_work_in_its_organization_alone(server: &TestServer) {
    let (acme, admin, writer, created) = with_key(server, "WRITER").await;
    let subject = created["apiKey"]["subject"].as_str().unwrap();
    assert_eq!(
        writer.query(VIEWER, json!({})).await["viewer"],
        json!({
            "subject": subject, "email": null, "isOperator": false,
            "memberships": [{ "role": "WRITER", "organization": { "slug": "acme" } }],
        })
    );
    writer.record(&acme, 1).await;
    let entries = admin.query(ENTRIES, json!({ "id": acme, "action": "test.0" })).await;
    assert_eq!(entries["auditLogs"]["nodes"][0]["recordedBy"], subject);
    // What it may not do is refused, and recorded as its attempt.
    assert_eq!(writer.error(COUNT, json!({ "id": acme })).await, "FORBIDDEN");
    assert_eq!(writer.error(KEYS, json!({ "id": acme })).await, "FORBIDDEN");
    let entries = admin.query(ENTRIES, json!({ "id": acme, "action": "audit_log.read" })).await;
    let denied = &entries["auditLogs"]["nodes"][0];
    assert_eq!(denied["outcome"], "DENIED");
    assert_eq!(denied["actor"], json!({ "externalId": subject, "type": "SERVICE" }));
    let globex = server.organization("globex").await;
    assert_eq!(writer.error(COUNT, json!({ "id": globex })).await, "NOT_FOUND");
}

#[on_each_engine]
async fn key_is_shown_once_and_kept_as_a_hash(server: &TestServer) {
    let (acme, admin, writer, created) = with_key(server, "WRITER").await;
    let key = created["key"].as_str().unwrap();
    let (prefix, secret) = key.strip_prefix("dbk_").unwrap().split_once('_').unwrap();
    assert_eq!((prefix, secret.len()), (created["apiKey"]["prefix"].as_str().unwrap(), 64));
    assert_eq!(created["apiKey"]["lastUsedAt"], Value::Null);
    writer.query(VIEWER, json!({})).await;
    let listed = eventually("the use to be noted", 10, async || {
        let listed = keys(&admin, &acme).await;
        listed["nodes"][0]["lastUsedAt"].is_string().then_some(listed)
    })
    .await;
    assert!(!listed.to_string().contains(secret));
    let log = admin.query("query($id: ID!) { auditLogs(organizationId: $id) { nodes { changes { new } metadata { extra } } } }", json!({ "id": acme })).await;
    assert!(!log.to_string().contains(secret));
    let db = server.database.connect().await;
    let rows = api_key::Entity::find().all(&db).await.unwrap();
    db.close().await.unwrap();
    assert_eq!((rows.len(), rows[0].hash.len()), (1, 32));
    assert!(!format!("{rows:?}").contains(secret));
}

#[on_each_engine]
async fn each_change_is_an_entry(server: &TestServer) {
    let (acme, admin, _, created) = with_key(server, "AUDITOR").await;
    let (id, prefix) = (&created["apiKey"]["id"], &created["apiKey"]["prefix"]);
    for _ in 0..2 {
        let revoked = revoke(&admin, &created).await;
        assert!(revoked["apiKey"]["revokedAt"].is_string(), "{revoked}");
    }
    let resource = json!({ "type": "api_key", "externalId": id, "name": "key" });
    let entries = admin.query(ENTRIES, json!({ "id": acme, "action": "api_key.*" })).await;
    let nodes = entries["auditLogs"]["nodes"].as_array().unwrap().clone();
    assert_eq!(nodes.len(), 2, "what changes nothing is no entry");
    assert_eq!((&nodes[0]["resource"], &nodes[1]["resource"]), (&resource, &resource));
    assert_eq!(nodes[0]["changes"][0]["field"], "revokedAt");
    assert_eq!(
        nodes[1]["changes"],
        json!([
            { "field": "prefix", "old": null, "new": prefix },
            { "field": "role", "old": null, "new": "AUDITOR" },
        ])
    );
}

#[on_each_engine]
async fn revocation_ends_live_connections_and_all_that_follows(server: &TestServer) {
    let (acme, admin, auditor, created) = with_key(server, "AUDITOR").await;
    let key = auditor.token.clone().unwrap();
    let mut socket = server.socket(&key).await;
    socket.subscribe("1", RECORDED, json!({ "id": acme })).await;
    let mut idle = server.socket(&key).await;
    let request = auditor.http.post(server.url("/graphql/stream")).bearer_auth(&key);
    let body = json!({ "query": RECORDED, "variables": { "id": acme } });
    let request = request.header("accept", "text/event-stream").json(&body);
    let mut events = Events::new(request.send().await.unwrap());
    eventually("what is recorded to be told", 10, async || {
        admin.record(&acme, 1).await;
        let told = tokio::time::timeout(Duration::from_millis(500), socket.data()).await;
        told.ok()
    })
    .await;
    // Which may have begun later.
    let event = eventually("the event stream to tell it, too", 30, async || {
        admin.record(&acme, 1).await;
        let told = tokio::time::timeout(Duration::from_millis(500), events.event()).await;
        told.ok()
    })
    .await;
    assert!(event.unwrap().data.contains("test.0"));

    revoke(&admin, &created).await;
    let revoked = Instant::now();
    assert_eq!(auditor.send(COUNT, json!({ "id": acme })).await.status, 401);
    assert_eq!(idle.closed().await, (4403, "Forbidden".to_owned()));
    let (code, reason, _) = socket.rest().await;
    assert_eq!((code, &reason[..]), (4403, "Forbidden"));
    while events.event().await.is_some() {}
    assert!(revoked.elapsed() < Duration::from_secs(5), "{:?}", revoked.elapsed());
    let mut late =
        daybook_tests::Socket::open(&server.url("/graphql"), Some("graphql-transport-ws")).await;
    late.send(json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {key}") } })).await;
    assert_eq!(late.closed().await.0, 4403);
}

#[on_each_engine]
async fn nothing_is_delivered_once_a_revocation_is_five_seconds_old(server: &TestServer) {
    let (acme, admin, auditor, created) = with_key(server, "AUDITOR").await;
    let mut socket = server.socket(auditor.token.as_ref().unwrap()).await;
    socket.subscribe("1", RECORDED, json!({ "id": acme })).await;
    revoke(&admin, &created).await;
    let revoked = Instant::now();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let record = async {
        while stopped.try_recv().is_err() {
            admin.record(&acme, 1).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let watch = async {
        let (code, _, _) = socket.rest().await;
        stop.send(()).unwrap();
        (code, revoked.elapsed())
    };
    let ((), (code, elapsed)) = futures::future::join(record, watch).await;
    assert_eq!(code, 4403);
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
}

#[on_each_engine]
async fn key_holds_until_it_expires(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let expires_at = (server.clock.now() + Duration::from_secs(600)).to_rfc3339();
    let created = admin.create_api_key(&acme, "AUDITOR", json!({ "expiresAt": expires_at })).await;
    assert!(created["apiKey"]["expiresAt"].is_string());
    let auditor = Client::new(server.url(""), Some(created["key"].as_str().unwrap().to_owned()));
    server.clock.advance(Duration::from_secs(590));
    auditor.query(COUNT, json!({ "id": acme })).await;
    let mut socket = server.socket(auditor.token.as_ref().unwrap()).await;
    server.clock.advance(Duration::from_secs(11));
    let answer = auditor.send(COUNT, json!({ "id": acme })).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHENTICATED"));
    assert_eq!(socket.closed().await.0, 4403);
}

#[on_each_engine]
async fn what_is_no_key_of_this_instance_is_a_401(server: &TestServer) {
    let (_, admin, writer, created) = with_key(server, "WRITER").await;
    let other =
        admin.create_api_key(&server.organization("globex").await, "WRITER", json!({})).await;
    assert_eq!(other["userErrors"][0]["code"], "NOT_FOUND", "she is nobody there: {other}");
    let key = created["key"].as_str().unwrap();
    let flip = |at: usize| {
        let mut key = key.as_bytes().to_vec();
        key[at] = if key[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(key).unwrap()
    };
    let wrong = [
        "dbk_".to_owned(),
        "dbk_zz".to_owned(),
        format!("{key}0"),
        key[..key.len() - 1].to_owned(),
        key.to_uppercase().replacen("DBK", "dbk", 1),
        flip(4),
        flip(key.len() - 1),
        flip(30),
        format!("dbk_{}", "é".repeat(81)),
    ];
    for wrong in wrong {
        let request = admin
            .http
            .post(server.url("/graphql"))
            .header("authorization", format!("Bearer {wrong}"));
        let answer = request.json(&json!({ "query": "{ __typename }" })).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 401, "{wrong}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{wrong}");
        assert!(!body.to_string().contains(&wrong[4..]) || wrong.len() < 8, "{body}");
    }
    writer.query(VIEWER, json!({})).await;
}

#[on_each_engine]
async fn what_can_t_be_made_is_told_by_field(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for (role, fields, path) in [
        ("ADMIN", json!({}), "role"),
        ("MEMBER", json!({}), "role"),
        ("WRITER", json!({ "name": "" }), "name"),
        ("WRITER", json!({ "name": " " }), "name"),
        ("WRITER", json!({ "name": "a\nb" }), "name"),
        ("WRITER", json!({ "name": "x".repeat(201) }), "name"),
        ("WRITER", json!({ "expiresAt": "2020-01-01T00:00:00Z" }), "expiresAt"),
        ("WRITER", json!({ "organizationId": "nonsense" }), "organizationId"),
    ] {
        let payload = admin.create_api_key(&acme, role, fields.clone()).await;
        assert_eq!((&payload["apiKey"], &payload["key"]), (&Value::Null, &Value::Null), "{fields}");
        let error = &payload["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!("INVALID"), &json!([path])),
            "{fields}"
        );
    }
    let payload = admin.query(REVOKE, json!({ "id": acme })).await["revokeApiKey"].clone();
    assert_eq!(
        (&payload["userErrors"][0]["code"], &payload["userErrors"][0]["path"]),
        (&json!("INVALID"), &json!(["apiKeyId"]))
    );
    // Nobody else can be called like a key.
    let set = "mutation($id: ID!) { setMember(input: { organizationId: $id, subject: \"api-key:0\", role: ADMIN }) {
        member { subject } userErrors { code path } } }";
    let payload = admin.query(set, json!({ "id": acme })).await["setMember"].clone();
    assert_eq!(payload["userErrors"], json!([{ "code": "INVALID", "path": ["subject"] }]));
    assert_eq!(keys(&admin, &acme).await["totalCount"], 0);
}

#[on_each_engine]
async fn keys_are_a_connection_newest_first(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for name in ["a", "b", "c"] {
        admin.create_api_key(&acme, "WRITER", json!({ "name": name })).await;
    }
    let names = |page: &Value| -> Vec<String> {
        page["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let page = async |variables: Value| {
        admin.query(KEYS, variables).await["organization"]["apiKeys"].clone()
    };
    let first = page(json!({ "id": acme, "first": 2 })).await;
    assert_eq!(
        (names(&first), &first["totalCount"]),
        (vec!["c".to_owned(), "b".to_owned()], &json!(3))
    );
    let next =
        page(json!({ "id": acme, "first": 2, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(
        (names(&next), &next["pageInfo"]["hasNextPage"]),
        (vec!["a".to_owned()], &json!(false))
    );
}

#[on_each_engine]
async fn command_line_makes_lists_and_revokes(server: &TestServer) {
    let acme = server.organization("acme").await;
    let run = |arguments: &[&str]| {
        binary::stdout(binary::daybook_of(server).arg("api-key").args(arguments))
    };
    let key = run(&[
        "create",
        "--organization",
        "acme",
        "--role",
        "writer",
        "--name",
        "shipper",
        "--ttl",
        "1h",
    ]);
    let writer = Client::new(server.url(""), Some(key.clone()));
    writer.record(&acme, 1).await;
    let prefix = key.strip_prefix("dbk_").unwrap().split('_').next().unwrap().to_owned();
    let listed = eventually("the use to be noted", 10, async || {
        Some(run(&["list", "--organization", "acme"])).filter(|listed| !listed.contains("never"))
    })
    .await;
    assert!(
        listed.starts_with(&format!("{prefix}\tWRITER\tactive\t20"))
            && listed.ends_with("\tshipper"),
        "{listed}"
    );
    run(&["revoke", "--organization", "acme", &prefix]);
    assert!(run(&["list", "--organization", "acme"]).contains("\trevoked\t"));
    assert_eq!(writer.send(VIEWER, json!({})).await.status, 401);
}

#[on_each_engine]
async fn key_is_revoked_by_itself_and_by_whatever_names_it(server: &TestServer) {
    let acme = server.organization("acme").await;
    let globex = server.organization("globex").await;
    let admin = server.client(&acme, Role::Admin).await;
    let revoke = |organization: &str, key: &str| {
        let arguments = ["api-key", "revoke", "--organization", organization, key];
        binary::daybook_of(server).args(arguments).output().unwrap()
    };
    let names: [fn(&Value) -> String; 5] = [
        |made| made["key"].as_str().unwrap().to_owned(),
        |made| made["apiKey"]["id"].as_str().unwrap().to_owned(),
        |made| made["apiKey"]["subject"].as_str().unwrap().to_owned(),
        |made| format!("Bearer {}\n", made["key"].as_str().unwrap()),
        // Cut short by whoever copied it.
        |made| made["key"].as_str().unwrap()[..60].to_owned(),
    ];
    for name in names {
        let made = admin.create_api_key(&acme, "WRITER", json!({})).await;
        let name = name(&made);
        let elsewhere = revoke("globex", &name);
        let said = binary::stderr(&elsewhere);
        assert_eq!(elsewhere.status.code(), Some(1), "{said}");
        assert!(
            said.contains("globex has no such API key") && !said.contains(name.trim()),
            "{said}"
        );
        let output = revoke("acme", &name);
        assert!(output.status.success(), "{}", binary::stderr(&output));
        let writer = Client::new(server.url(""), made["key"].as_str().map(str::to_owned));
        assert_eq!(writer.send(VIEWER, json!({})).await.status, 401);
    }
    // The API takes it, too, and tells as little about a key of another organization.
    let made = admin.create_api_key(&acme, "WRITER", json!({})).await;
    let key = made["key"].as_str().unwrap();
    server.set_member(&globex, "mallory", Role::Admin).await;
    let absent = format!("dbk_{}{}", "0".repeat(16), &key[20..]);
    for key in [key, &absent] {
        let foreign =
            server.client_of("mallory").query(REVOKE, json!({ "id": key })).await["revokeApiKey"]
                .clone();
        assert_eq!(
            foreign["userErrors"],
            json!([{ "code": "NOT_FOUND", "message": "API key not found", "path": ["apiKeyId"] }])
        );
    }
    let revoked = admin.query(REVOKE, json!({ "id": key })).await["revokeApiKey"].clone();
    assert!(revoked["apiKey"]["revokedAt"].is_string(), "{revoked}");
    for wrong in ["dbk_", "dbk_zz", "nonsense", ""] {
        let payload = admin.query(REVOKE, json!({ "id": wrong })).await["revokeApiKey"].clone();
        assert_eq!(payload["userErrors"][0]["code"], "INVALID", "{wrong}: {payload}");
    }
}

#[on_each_idle_engine]
async fn key_s_job_is_done_while_the_key_holds(server: &TestServer) {
    let (acme, admin, auditor, created) = with_key(server, "AUDITOR").await;
    let other = admin.create_api_key(&acme, "AUDITOR", json!({})).await;
    let other = Client::new(server.url(""), Some(other["key"].as_str().unwrap().to_owned()));
    admin.record(&acme, 1_100).await;
    let start = async |client: &Client| {
        client.export(&acme, "CSV").await["job"]["id"].as_str().unwrap().to_owned()
    };
    let (refused, done) = (start(&auditor).await, start(&other).await);
    revoke(&admin, &created).await;
    server.start_work();
    let ended = admin.finished(&refused).await;
    assert_eq!(
        (&ended["state"], &ended["error"]["code"]),
        (&json!("FAILED"), &json!("ACCESS_REVOKED")),
        "{ended}"
    );
    let ended = other.finished(&done).await;
    assert_eq!(ended["state"], "SUCCEEDED", "{ended}");
}
