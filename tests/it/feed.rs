//! `jobUpdates`: every transition, in order, none lost, none twice, from any cursor.

use std::sync::atomic::{AtomicU32, Ordering};

use daybook_api::server::Duties;
use daybook_entity::membership::Role;
use daybook_tests::{Client, Socket, TestServer, Value, json, on_each_engine};

const UPDATES: &str =
    "subscription($organization: ID, $job: ID, $kinds: [JobKind!], $after: String) {
    jobUpdates(organizationId: $organization, jobId: $job, kinds: $kinds, after: $after) {
        type cursor previousState
        job { id state attempt startedAt finishedAt artifact { sha256 } progress { done } }
    }
}";

pub(crate) async fn subscribe(socket: &mut Socket, id: &str, variables: Value) {
    socket.subscribe(id, UPDATES, variables).await;
}

/// Returns the next update.
pub(crate) async fn next(socket: &mut Socket) -> Value {
    socket.data().await["jobUpdates"].clone()
}

/// Returns the updates through the first one for which `is_last` is true.
pub(crate) async fn until(socket: &mut Socket, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut updates = Vec::new();
    loop {
        let update = next(socket).await;
        let is_end = is_last(&update);
        updates.push(update);
        if is_end {
            return updates;
        }
    }
}

pub(crate) fn is(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |update| update["type"] == kind
}

/// The transitions among `updates`: job, state before, state after.
pub(crate) fn transitions(updates: &[Value]) -> Vec<(String, Option<String>, String)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let transitions = updates.iter().filter(|update| update["type"] == "TRANSITION");
    let triple = |update: &Value| {
        let job = &update["job"];
        (text(&job["id"]).unwrap(), text(&update["previousState"]), text(&job["state"]).unwrap())
    };
    transitions.map(triple).collect()
}

pub(crate) fn life(id: &str) -> Vec<(String, Option<String>, String)> {
    let states = ["QUEUED", "RUNNING", "SUCCEEDED"];
    let before = [None, Some("QUEUED"), Some("RUNNING")];
    let step =
        |(from, to): (Option<&str>, &str)| (id.to_owned(), from.map(str::to_owned), to.to_owned());
    before.into_iter().zip(states).map(step).collect()
}

/// Starts an export of its own, even if an equal one is unfinished.
pub(crate) async fn start(client: &Client, organization: &str) -> String {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let key = format!("export {}", STARTED.fetch_add(1, Ordering::Relaxed));
    let input = json!({
        "organizationId": organization,
        "source": { "auditLogs": {} },
        "format": "CSV",
        "idempotencyKey": key,
    });
    client.start_export(input).await["job"]["id"].as_str().unwrap().to_owned()
}

/// Starts a server that leaves jobs queued until a worker starts.
pub(crate) async fn idle(server: &TestServer) -> (TestServer, String, Client) {
    let idle = TestServer::start_as(server.backend(), Duties::Serve, |config| {
        config.testing.export_inline_records = 0;
    })
    .await;
    let acme = idle.organization("acme").await;
    let admin = idle.client(&acme, Role::Admin).await;
    (idle, acme, admin)
}

#[on_each_engine]
async fn snapshot_then_synced_then_each_transition(server: &TestServer) {
    let (idle, acme, admin) = idle(server).await;
    let mut socket = idle.socket(admin.token.as_ref().unwrap()).await;
    let jobs = [start(&admin, &acme).await, start(&admin, &acme).await];
    subscribe(&mut socket, "1", json!({ "organization": acme })).await;
    let told = until(&mut socket, is("SYNCED")).await;
    let kinds: Vec<_> = told.iter().map(|update| update["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["SNAPSHOT", "SNAPSHOT", "SYNCED"]);
    for (update, id) in told.iter().zip(&jobs) {
        assert_eq!((&update["job"]["id"], &update["job"]["state"]), (&json!(id), &json!("QUEUED")));
        assert_eq!(update["previousState"], Value::Null);
    }
    assert_eq!(told[2]["job"], Value::Null);

    let worker = idle.start_another(Duties::ServeAndWork).await;
    let mut updates = Vec::new();
    while transitions(&updates).len() < 4 {
        updates.push(next(&mut socket).await);
    }
    for id in &jobs {
        let mut own = transitions(&updates);
        own.retain(|(job, ..)| job == id);
        assert_eq!(own, life(id)[1..]);
    }
    // What came later is not in an earlier transition.
    for update in updates.iter().filter(|update| update["type"] == "TRANSITION") {
        let job = &update["job"];
        let is_over = job["state"] == "SUCCEEDED";
        assert_eq!(
            (job["finishedAt"].is_string(), job["artifact"].is_object()),
            (is_over, is_over),
            "{job}"
        );
        assert!(job["startedAt"].is_string());
    }
    // Finished jobs are no part of a snapshot, unless one is asked for.
    subscribe(&mut socket, "2", json!({ "organization": acme })).await;
    assert_eq!(next(&mut socket).await["type"], "SYNCED");
    worker.stop().await.unwrap();
    idle.finish().await;
}

#[on_each_engine]
async fn any_cursor_goes_on_exactly_after_itself(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "live", json!({ "organization": acme })).await;
    let synced = next(&mut socket).await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        let id = start(&admin, &acme).await;
        admin.finished(&id).await;
        expected.extend(life(&id));
    }
    let mut live = vec![synced];
    while transitions(&live).len() < expected.len() {
        live.push(next(&mut socket).await);
    }
    assert_eq!(transitions(&live), expected);
    socket.send(json!({ "type": "complete", "id": "live" })).await;

    // After each update: what came after it, be it SYNCED, TRANSITION or PROGRESS.
    for (index, update) in live.iter().enumerate() {
        let id = format!("after {index}");
        subscribe(&mut socket, &id, json!({ "organization": acme, "after": update["cursor"] }))
            .await;
        let again = until(&mut socket, is("SYNCED")).await;
        assert_eq!(transitions(&again), transitions(&live[index + 1..]), "after {update}");
        let rest = live[index + 1..].iter().filter(|update| update["type"] == "TRANSITION");
        for (again, first) in again.iter().zip(rest) {
            assert_eq!(again["cursor"], first["cursor"], "the same update has the same cursor");
        }
    }
    // A job's own list of transitions gives cursors of the same feed.
    let mut position = 0;
    for id in expected.iter().step_by(3).map(|(id, ..)| id) {
        for transition in admin.finished(id).await["transitions"].as_array().unwrap() {
            position += 1;
            let id = format!("list {position}");
            subscribe(
                &mut socket,
                &id,
                json!({ "organization": acme, "after": transition["cursor"] }),
            )
            .await;
            let again = until(&mut socket, is("SYNCED")).await;
            assert_eq!(transitions(&again), expected[position..]);
        }
    }
}

#[on_each_engine]
async fn watch_that_goes_on_is_live_after_it_caught_up(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "1", json!({ "organization": acme })).await;
    let cursor = next(&mut socket).await["cursor"].clone();
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    let missed = start(&admin, &acme).await;
    admin.finished(&missed).await;
    subscribe(&mut socket, "2", json!({ "organization": acme, "after": cursor })).await;
    assert_eq!(transitions(&until(&mut socket, is("SYNCED")).await), life(&missed));
    let later = start(&admin, &acme).await;
    let updates = until(&mut socket, |update| update["job"]["state"] == "SUCCEEDED").await;
    assert_eq!(transitions(&updates), life(&later));
}

#[on_each_engine]
async fn cursor_of_elsewhere_is_bad_input(server: &TestServer) {
    let acme = server.organization("acme").await;
    let other = server.organization("other").await;
    let admin = server.client(&acme, Role::Admin).await;
    server.set_member(&other, "admin", Role::Admin).await;
    let job = start(&admin, &acme).await;
    let cursor =
        admin.finished(&job).await["transitions"][0]["cursor"].as_str().unwrap().to_owned();
    let list = admin
        .query(
            "query($id: ID!) { jobs(organizationId: $id) { edges { cursor } } }",
            json!({ "id": acme }),
        )
        .await["jobs"]["edges"][0]["cursor"]
        .clone();
    let mut flipped = cursor.clone().into_bytes();
    flipped[20] = if flipped[20] == b'A' { b'B' } else { b'A' };
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    for (index, (organization, after)) in [
        (&other, json!(cursor)),
        (&acme, json!(String::from_utf8(flipped).unwrap())),
        (&acme, json!(&cursor[1..])),
        (&acme, json!("")),
        (&acme, list),
    ]
    .into_iter()
    .enumerate()
    {
        let id = index.to_string();
        subscribe(&mut socket, &id, json!({ "organization": organization, "after": after })).await;
        let message = socket.next().await;
        let text = message.to_string();
        assert!(text.contains("BAD_USER_INPUT"), "{text}");
        assert!(text.contains("\"argument\":\"after\""), "{text}");
        if message["type"] == "next" {
            assert_eq!(socket.next().await["type"], "complete");
        }
    }
}

#[on_each_engine]
async fn watch_of_one_job_completes_with_it(server: &TestServer) {
    let (idle, acme, admin) = idle(server).await;
    let (watched, neighbour) = (start(&admin, &acme).await, start(&admin, &acme).await);
    let mut socket = idle.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "1", json!({ "organization": acme, "job": watched })).await;
    let told = until(&mut socket, is("SYNCED")).await;
    assert_eq!((told.len(), &told[0]["job"]["id"]), (2, &json!(watched)));
    let worker = idle.start_another(Duties::ServeAndWork).await;
    let updates = until(&mut socket, |update| update["job"]["state"] == "SUCCEEDED").await;
    assert_eq!(transitions(&updates), life(&watched)[1..]);
    assert_eq!(socket.next().await, json!({ "type": "complete", "id": "1" }));
    admin.finished(&neighbour).await;

    // It's over already: its snapshot, and the end.
    subscribe(&mut socket, "2", json!({ "organization": acme, "job": watched })).await;
    let told = until(&mut socket, is("SYNCED")).await;
    assert_eq!(
        (&told[0]["type"], &told[0]["job"]["state"]),
        (&json!("SNAPSHOT"), &json!("SUCCEEDED"))
    );
    assert_eq!(socket.next().await, json!({ "type": "complete", "id": "2" }));

    // From its first transition on: the others, and the end.
    let first = admin.finished(&watched).await["transitions"][0]["cursor"].clone();
    subscribe(&mut socket, "3", json!({ "organization": acme, "job": watched, "after": first }))
        .await;
    let told = until(&mut socket, is("SYNCED")).await;
    assert_eq!(transitions(&told), life(&watched)[1..]);
    assert_eq!(socket.next().await, json!({ "type": "complete", "id": "3" }));
    worker.stop().await.unwrap();
    idle.finish().await;
}

#[on_each_engine]
async fn kinds_leave_out_the_others(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    subscribe(&mut socket, "none", json!({ "organization": acme, "kinds": [] })).await;
    let cursor = next(&mut socket).await["cursor"].clone();
    subscribe(&mut socket, "exports", json!({ "organization": acme, "kinds": ["EXPORT"] })).await;
    assert_eq!(next(&mut socket).await["type"], "SYNCED");
    let id = start(&admin, &acme).await;
    // Each message is of the watch that takes exports.
    let mut updates = Vec::new();
    while transitions(&updates).len() < 3 {
        let message = socket.next().await;
        assert_eq!(message["id"], "exports", "{message}");
        updates.push(message["payload"]["data"]["jobUpdates"].clone());
    }
    assert_eq!(transitions(&updates), life(&id));
    subscribe(&mut socket, "later", json!({ "organization": acme, "kinds": [], "after": cursor }))
        .await;
    assert_eq!(next(&mut socket).await["type"], "SYNCED");
}
