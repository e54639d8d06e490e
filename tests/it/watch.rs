//! A third-party client: graphql-ws under Node.

use std::process::{Child, Command, Output, Stdio};

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};

fn watch(server: &TestServer, arguments: &[&str]) -> Child {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");
    assert!(
        std::path::Path::new(folder).join("node_modules/graphql-ws").is_dir(),
        "run `make clients` first: this test runs a graphql-ws client",
    );
    Command::new("node")
        .arg(format!("{folder}/watch.mjs"))
        .arg(server.url("/graphql"))
        .args(arguments)
        .args(["--timeout", "60"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn ended(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

/// Returns the updates that the client printed, one a line.
fn updates(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn told(updates: &[Value]) -> Vec<(&str, Option<&str>)> {
    let told = updates.iter().filter(|update| update["type"] != "PROGRESS");
    told.map(|update| (update["type"].as_str().unwrap(), update["job"]["state"].as_str())).collect()
}

#[on_each_engine]
async fn graphql_ws_client_watches_an_export_to_its_end(server: &TestServer) {
    let idle =
        TestServer::start_as(server.backend(), daybook_api::server::Duties::Serve, |config| {
            config.testing.export_inline_records = 0;
        })
        .await;
    let acme = idle.organization("acme").await;
    let admin = idle.client(&acme, Role::Admin).await;
    let token = admin.token.clone().unwrap();
    admin.record(&acme, 2_000).await;
    let job = admin.export(&acme, "JSONL").await["job"]["id"].as_str().unwrap().to_owned();
    let first = admin
        .query("query($id: ID!) { job(id: $id) { transitions { cursor } } }", json!({ "id": job }))
        .await;
    let cursor = first["job"]["transitions"][0]["cursor"].as_str().unwrap().to_owned();

    let all = watch(&idle, &[&token, &acme, "--until-final"]);
    let one = watch(&idle, &[&token, &acme, &job]);
    let worker = idle.start_another(daybook_api::server::Duties::ServeAndWork).await;
    admin.finished(&job).await;
    // Whether they came before or after its end, they see it and end by themselves.
    let one = updates(&ended(one).await);
    assert_eq!(
        told(&one).last().map(|(_, state)| *state == Some("SUCCEEDED") || state.is_none()),
        Some(true)
    );
    assert!(one.iter().any(|update| update["job"]["state"] == "SUCCEEDED"));

    // In one word: a cursor is base64url and may begin with a dash.
    let resumed = watch(&idle, &[&token, &acme, &job, &format!("--after={cursor}")]);
    let resumed = updates(&ended(resumed).await);
    assert_eq!(
        told(&resumed),
        [("TRANSITION", Some("RUNNING")), ("TRANSITION", Some("SUCCEEDED")), ("SYNCED", None)]
    );
    // This one waits for an end: another, where it missed the first.
    let next = admin.export(&acme, "CSV").await["job"]["id"].as_str().unwrap().to_owned();
    admin.finished(&next).await;
    let all = updates(&ended(all).await);
    assert_eq!(all.last().unwrap()["job"]["state"], "SUCCEEDED");
    worker.stop().await.unwrap();
    idle.finish().await;
}

#[on_each_engine]
async fn graphql_ws_client_is_told_why_it_may_not(server: &TestServer) {
    let acme = server.organization("acme").await;
    let reason = async |token: &str| {
        let output = ended(watch(server, &[token, &acme, "--until-final"])).await;
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(reason("nonsense").await.trim(), "closed with 4403 Forbidden");
    let stranger = reason(&server.token("stranger")).await;
    assert!(stranger.contains("organization not found"), "{stranger}");
}
