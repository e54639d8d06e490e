//! Answers, and what is in them.

use std::collections::{BTreeMap, BTreeSet};

use daybook_tests::{Client, Socket, TestServer, Value, fields::Things, json};

use super::attempts::{Attempt, RECORDED_LATER};

/// Cursors by the field that gives them.
pub(super) type Cursors = BTreeMap<String, String>;

/// The answer to an attempt, with the things asked for replaced by their names.
pub(super) async fn answer(
    server: &TestServer,
    client: &Client,
    attempt: &Attempt,
    (things, cursors): (&Things, &Cursors),
) -> Value {
    let all = things.variables();
    let mut variables = serde_json::Map::new();
    for name in &attempt.things {
        variables.insert((*name).to_owned(), all[name].clone());
    }
    if let Some(of) = &attempt.cursor {
        let cursor = cursors.get(of).unwrap_or_else(|| panic!("no cursor of {of}"));
        variables.insert("cursor".to_owned(), json!(cursor));
    }
    let answer = match attempt.field.starts_with("Subscription.") {
        false => client.send(&attempt.document, json!(variables)).await.body,
        true => first_event(server, client, &attempt.document, json!(variables)).await,
    };
    let text = variables.iter().fold(answer.to_string(), |text, (name, id)| {
        text.replace(id.as_str().unwrap(), &format!("${name}"))
    });
    let mut answer = text.parse().unwrap();
    mask_now(&mut answer);
    answer
}

/// The first event of a subscription, or how its connection ended.
async fn first_event(
    server: &TestServer,
    client: &Client,
    document: &str,
    variables: Value,
) -> Value {
    let mut socket = Socket::open(&server.url("/graphql"), Some("graphql-transport-ws")).await;
    let payload =
        client.token.as_ref().map(|token| json!({ "authorization": format!("Bearer {token}") }));
    socket.send(json!({ "type": "connection_init", "payload": payload })).await;
    match socket.next_or_close().await {
        Ok(message) => assert_eq!(message["type"], "connection_ack"),
        Err(code) => return json!({ "closed": code }),
    }
    socket.subscribe("1", document, variables).await;
    let message = socket.next().await;
    assert_eq!(message["type"], "next", "{message}");
    message["payload"].clone()
}

/// Masks what a refused export says of the quota: the time of the answer.
fn mask_now(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask_now),
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == "resetsAt" { *value = json!("now") } else { mask_now(value) }
            }
        }
        _ => {}
    }
}

/// Adds the fields that an answer has, as `Type.field`.
pub(super) fn add_reached(value: &Value, reached: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_reached(item, reached)),
        Value::Object(fields) => {
            let ty = fields.get("__typename").and_then(Value::as_str).unwrap_or_default();
            for (key, value) in fields {
                let name = key.strip_prefix(&format!("{ty}_")).unwrap_or(key);
                reached.insert(format!("{ty}.{name}"));
                add_reached(value, reached);
            }
        }
        _ => {}
    }
}

/// Adds the cursors of the pages that an answer has, under `Type.field` of what gave them.
pub(super) fn add_cursors(of: &str, value: &Value, cursors: &mut Cursors) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_cursors(of, item, cursors)),
        Value::Object(fields) => {
            let ty = fields.get("__typename").and_then(Value::as_str).unwrap_or_default();
            if let Some(cursor) = value["pageInfo"]["startCursor"].as_str() {
                // Not of a list with a filter, which is asked later.
                cursors.entry(of.to_owned()).or_insert_with(|| cursor.to_owned());
            }
            for (key, value) in fields {
                let name = key.strip_prefix(&format!("{ty}_")).unwrap_or(key);
                let feed = match (ty, name) {
                    ("JobTransition", "cursor") => "Subscription.jobUpdates",
                    ("AuditLogConnection", "tailCursor") => RECORDED_LATER,
                    ("ExportJob", "continuation") => "Mutation.startExport",
                    _ => "",
                };
                if let (true, Some(cursor)) = (!feed.is_empty(), value.as_str()) {
                    cursors.insert(feed.to_owned(), cursor.to_owned());
                }
                add_cursors(&format!("{ty}.{name}"), value, cursors);
            }
        }
        _ => {}
    }
}
