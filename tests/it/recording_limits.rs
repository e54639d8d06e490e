//! Limits of `recordAuditLogs`: a value out of bounds is named by entry and field, nothing is stored;
//! a value at the bound is stored whole.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, entry, json, on_each_engine};

/// Each text of an entry and its most characters.
const TEXTS: [(&str, usize); 17] = [
    ("/actor/id", 200),
    ("/actor/email", 320),
    ("/actor/name", 500),
    ("/onBehalfOf/id", 200),
    ("/onBehalfOf/email", 320),
    ("/onBehalfOf/name", 500),
    ("/action", 200),
    ("/resource/type", 200),
    ("/resource/id", 200),
    ("/resource/name", 500),
    ("/relatedResources/0/type", 200),
    ("/relatedResources/0/id", 200),
    ("/relatedResources/0/name", 500),
    ("/metadata/ipAddress", 64),
    ("/metadata/userAgent", 1_000),
    ("/metadata/requestId", 200),
    ("/changes/0/field", 200),
];

/// Bytes of JSON that `changes` and `extra` may have together.
const JSON: usize = 64 * 1024;

/// An entry with every text, and `value` where `pointer` says.
fn with(pointer: &str, value: Value) -> Value {
    let mut entry = json!({
        "timestamp": "2026-02-13T10:30:00Z",
        "actor": { "id": "ada", "email": "ada@acme.test", "name": "Ada" },
        "onBehalfOf": { "id": "grace", "email": "grace@acme.test", "name": "Grace" },
        "action": "device.assign",
        "resource": { "type": "device", "id": "d1", "name": "Desk" },
        "relatedResources": [{ "type": "user", "id": "u1", "name": "Grace" }],
        "changes": [{ "field": "owner", "old": 1, "new": 2 }],
        "metadata": { "ipAddress": "::1", "userAgent": "curl", "requestId": "r1", "extra": 3 },
    });
    *entry.pointer_mut(pointer).unwrap() = value;
    entry
}

async fn count(client: &Client, organization: &str) -> Value {
    let query = "query($id: ID!) { auditLogs(organizationId: $id, first: 0) { totalCount } }";
    client.query(query, json!({ "id": organization })).await["auditLogs"]["totalCount"].clone()
}

/// Records a good entry, then `bad`; gives the code of the one problem, which must be at `pointer`
/// of the second entry.
async fn refused(client: &Client, organization: &str, pointer: &str, bad: Value) -> String {
    let payload = client.record_entries(organization, json!([entry("good"), bad])).await;
    assert_eq!(payload["auditLogs"], json!([]), "{pointer}");
    let problems = payload["userErrors"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{pointer}: {problems:?}");
    let mut path = vec!["entries", "1"];
    path.extend(pointer.split('/').skip(1));
    assert_eq!(problems[0]["path"], json!(path), "{problems:?}");
    problems[0]["code"].as_str().unwrap().to_owned()
}

#[on_each_engine]
async fn texts_out_of_bounds_are_refused_by_entry_and_field(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = count(&admin, &acme).await;
    for (pointer, most) in TEXTS {
        for (value, code) in [
            ("é".repeat(most + 1), "TOO_LARGE"),
            (String::new(), "INVALID"),
            ("a\0b".to_owned(), "INVALID"),
        ] {
            let bad = with(pointer, json!(value));
            assert_eq!(refused(&admin, &acme, pointer, bad).await, code);
        }
    }
    assert_eq!(count(&admin, &acme).await, before);
}

#[on_each_engine]
async fn texts_at_the_bound_are_stored_whole(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut full = with("/action", json!(""));
    for (pointer, most) in TEXTS {
        // Four bytes and two UTF-16 units each: bounds are in characters, and indexes take them.
        *full.pointer_mut(pointer).unwrap() = json!("😀".repeat(most));
    }
    let payload = admin.record_entries(&acme, json!([full])).await;
    assert_eq!(payload["userErrors"], json!([]));
    let query = "query($id: ID!) { auditLogs(organizationId: $id, first: 1) { nodes {
        actor { externalId email name } onBehalfOf { externalId email name } action
        resource { type externalId name } relatedResources { type externalId name } changes { field }
        metadata { ipAddress userAgent requestId }
    } } }";
    let stored = admin.query(query, json!({ "id": acme })).await["auditLogs"]["nodes"][0].clone();
    for (pointer, _) in TEXTS {
        let place = pointer.replace("/id", "/externalId");
        assert_eq!(stored.pointer(&place), full.pointer(pointer), "{pointer}");
    }
}

#[on_each_engine]
async fn changes_and_extra_share_a_number_of_values_and_a_depth(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let nested = |depth: usize| {
        (0..depth).fold(json!(1), |inner, level| {
            if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) }
        })
    };
    for (pointer, field) in [("/changes/0/new", "/changes"), ("/metadata/extra", "/metadata/extra")]
    {
        for value in [
            json!(vec![0; 5_001]),
            json!(vec![json!({}); 5_001]),
            json!(vec![json!({ "": 0 }); 1_700]),
        ] {
            // The third of them: the answer says which.
            let entries = json!([
                with("/action", json!("a")),
                with("/action", json!("b")),
                with(pointer, value)
            ]);
            let payload = admin.record_entries(&acme, entries).await;
            let error = &payload["userErrors"][0];
            assert_eq!(error["code"], "TOO_LARGE", "{payload}");
            let path: Vec<_> = error["path"]
                .as_array()
                .unwrap()
                .iter()
                .map(|part| part.as_str().unwrap())
                .collect();
            assert_eq!(format!("/{}", path.join("/")), format!("/entries/2{field}"), "{payload}");
        }
        let deep = json!([
            with("/action", json!("a")),
            with("/action", json!("b")),
            with(pointer, nested(33))
        ]);
        let payload = admin.record_entries(&acme, deep).await;
        let error = &payload["userErrors"][0];
        assert_eq!(error["code"], "TOO_LARGE", "{payload}");
        let path = error["path"].as_array().unwrap().iter().map(|part| part.as_str().unwrap());
        assert_eq!(
            format!("/{}", path.collect::<Vec<_>>().join("/")),
            format!("/entries/2{pointer}")
        );
        for value in [json!(vec![0; 4_900]), json!(vec![json!({ "": 0 }); 1_600]), nested(32)] {
            let payload = admin.record_entries(&acme, json!([with(pointer, value)])).await;
            assert_eq!(payload["userErrors"], json!([]), "{pointer}");
        }
    }
}

#[on_each_engine]
async fn changes_and_extra_share_64_kib(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = count(&admin, &acme).await;
    // As Daybook stores them: without spaces, absent values as null.
    let length = |entry: &Value| {
        let extra = &entry["metadata"]["extra"];
        entry["changes"].to_string().len() + extra.to_string().len()
    };
    for (pointer, field) in [("/changes/0/new", "/changes"), ("/metadata/extra", "/metadata/extra")]
    {
        let room = JSON - length(&with(pointer, json!("")));
        let least_bad = with(pointer, json!("x".repeat(room + 1)));
        assert_eq!(refused(&admin, &acme, field, least_bad).await, "TOO_LARGE");
        // Bytes, not characters.
        let multibyte = with(pointer, json!("é".repeat(room / 2 + 1)));
        assert_eq!(refused(&admin, &acme, field, multibyte).await, "TOO_LARGE");
    }
    let mut both = with("/changes/0/new", json!("x".repeat(JSON / 2)));
    both["metadata"]["extra"] = json!("x".repeat(JSON / 2));
    assert_eq!(refused(&admin, &acme, "/changes", both).await, "TOO_LARGE");
    assert_eq!(count(&admin, &acme).await, before);
    for pointer in ["/changes/0/new", "/metadata/extra"] {
        let room = JSON - length(&with(pointer, json!("")));
        let payload =
            admin.record_entries(&acme, json!([with(pointer, json!("x".repeat(room)))])).await;
        assert_eq!(payload["userErrors"], json!([]), "{pointer}");
    }
}

#[on_each_engine]
async fn json_that_can_not_be_kept_exactly_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = count(&admin, &acme).await;
    // NUL in a value, in a key.
    for value in [json!("a\0b"), json!({ "a\0b": 1 })] {
        for (value, place) in [(value.clone(), ""), (json!([{ "deep": [value] }]), "/0/deep/0")] {
            for pointer in ["/changes/0/old", "/changes/0/new", "/metadata/extra"] {
                let (bad, place) = (with(pointer, value.clone()), format!("{pointer}{place}"));
                assert_eq!(refused(&admin, &acme, &place, bad).await, "INVALID", "{value}");
            }
        }
    }
    assert_eq!(count(&admin, &acme).await, before);
}

#[on_each_engine]
async fn number_that_no_client_could_read_is_refused_before_anything_runs(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = count(&admin, &acme).await;
    for number in ["1e400", "-1e999999999999", "1.0E+309"] {
        let literal = format!(
            "mutation {{ recordAuditLogs(input: {{ organizationId: \"{acme}\", entries: [{{
                actor: {{ id: \"a\" }}, action: \"b\", resource: {{ type: \"c\", id: \"d\" }},
                metadata: {{ extra: {number} }}
            }}] }}) {{ replayed }} }}"
        );
        let answer = admin.send(&literal, json!({})).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (200, "GRAPHQL_PARSE_FAILED"),
            "{number}"
        );

        let body = format!(
            r#"{{"query":"query($id: ID!) {{ organization(id: $id) {{ id }} }}","variables":{{"id":{number}}}}}"#
        );
        let request =
            admin.http.post(server.url("/graphql")).bearer_auth(admin.token.as_ref().unwrap());
        let response =
            request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{number}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    }
    assert_eq!(count(&admin, &acme).await, before);
}

#[on_each_engine]
async fn what_is_no_instant_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let before = count(&admin, &acme).await;
    for time in ["0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
        let bad = with("/timestamp", json!(time));
        assert_eq!(refused(&admin, &acme, "/timestamp", bad).await, "INVALID", "{time}");
    }
    for time in ["2026-02-30T00:00:00Z", "2026-02-13T10:30:00", "yesterday", ""] {
        let bad = with("/timestamp", json!(time));
        assert_eq!(refused(&admin, &acme, "/timestamp", bad).await, "INVALID", "{time}");
    }
    // What is no text is not a value of the scalar.
    let mutation =
        "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { replayed } }";
    let input = json!({ "organizationId": acme, "entries": [with("/timestamp", json!(0))] });
    let answer = admin.send(mutation, json!({ "input": input })).await;
    assert!(answer.body["errors"][0]["message"].is_string(), "{}", answer.body);
    assert_eq!(count(&admin, &acme).await, before);
}

#[on_each_engine]
async fn every_entry_is_named_that_is_wrong(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let entries =
        json!([with("/action", json!("")), entry("good"), with("/resource/id", json!(""))]);
    let payload = admin.record_entries(&acme, entries).await;
    let problems = payload["userErrors"].as_array().unwrap();
    let paths: Vec<_> = problems.iter().map(|problem| problem["path"].clone()).collect();
    assert_eq!(
        paths,
        [json!(["entries", "0", "action"]), json!(["entries", "2", "resource", "id"])]
    );
}
