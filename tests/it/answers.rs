//! Limits on the size of an answer, for every field and transport.

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, Process, TestServer, Value, entry, json, on_each_engine};

/// Maximum memory of the process at its peak, in KiB.
const MAX_PEAK: u64 = 300 * 1024;

/// Records a hundred entries of 60 kB each.
async fn record_long_entries(admin: &Client, organization: &str) {
    let mut long = entry("long");
    long["changes"] = json!([{ "field": "text", "new": "x".repeat(60_000) }]);
    let payload = admin.record_entries(organization, json!(vec![long; 100])).await;
    assert_eq!(payload["userErrors"], json!([]));
}

/// Returns a query with `count` aliases of one page.
fn pages(count: usize, first: usize, fields: &str) -> String {
    let page = |index| {
        format!(
            "p{index}: auditLogs(organizationId: $id, first: {first}) {{ nodes {{ {fields} }} }}"
        )
    };
    let pages: Vec<_> = (0..count).map(page).collect();
    format!("query($id: ID!) {{ {} }}", pages.join(" "))
}

fn aliases(count: usize, field: &str) -> String {
    (0..count).map(|index| format!("a{index}: {field} ")).collect()
}

fn is_too_large(answer: &Value) -> bool {
    let error = &answer["errors"][0];
    let message = error["message"].as_str().unwrap_or_default();
    error["extensions"]["code"] == "BAD_USER_INPUT" && message.contains("request fewer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_of_eighty_long_pages_is_refused_in_bounded_memory() {
    let server = TestServer::start_idle(Backend::Postgres).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    record_long_entries(&admin, &acme).await;
    let process = Process::serve(&server.config, &["--no-jobs"]).await;
    let url = process.url().await.trim().trim_end_matches('/').to_owned();
    let admin = Client::new(url, admin.token);
    let long = pages(80, 100, "changes { new }");
    let answers = (0..2).map(|_| admin.send(&long, json!({ "id": acme })));
    for answer in futures::future::join_all(answers).await {
        assert!(is_too_large(&answer.body), "{:.300}", answer.body.to_string());
    }
    // What is short enough, but not all at once.
    let shorter = pages(2, 100, "changes { new }");
    let many = (0..16).map(|_| admin.send(&shorter, json!({ "id": acme })));
    for answer in futures::future::join_all(many).await {
        match answer.body.get("errors") {
            None => assert_eq!(answer.status, 200),
            Some(_) => assert!(["RATE_LIMITED", "TIMEOUT"].contains(&answer.code().as_str())),
        }
    }
    let peak = process.peak_memory();
    println!("peak {peak} kB");
    assert!(peak < MAX_PEAK, "{peak} kB");
    drop(process);
    server.stop().await;
}

#[on_each_engine]
async fn answers_are_bounded_by_all_that_they_hold(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    record_long_entries(&admin, &acme).await;
    let id = json!({ "id": acme });
    let name = "x".repeat(2_000);
    for (document, is_taken) in [
        (pages(1, 100, "changes { new }"), true),
        (pages(2, 100, "changes { new }"), true),
        (pages(3, 100, "changes { new }"), false),
        (pages(1, 100, &aliases(3, "changes { new }")), false),
        (pages(1, 1, &aliases(200, "changes { new }")), true),
        (pages(1, 1, &aliases(300, "changes { new }")), false),
        // Names that the client gives are in the answer as often as what they name.
        (pages(50, 50, &format!("{name}: sequence")), true),
        (pages(90, 100, &format!("{name}: __typename")), false),
    ] {
        let answer = admin.send(&document, id.clone()).await;
        if is_taken {
            assert_eq!(answer.body.get("errors"), None, "{:.200}", document);
        } else {
            assert!(
                is_too_large(&answer.body),
                "{:.200} {:.300}",
                document,
                answer.body.to_string()
            );
            assert!(answer.body.to_string().len() < 2_000);
        }
    }
    assert_eq!(admin.query("{ __typename }", json!({})).await["__typename"], "Query");
}

#[on_each_engine]
async fn event_of_a_subscription_is_bounded_by_itself(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let watch = |count| {
        format!(
            "subscription($id: ID!) {{ auditLogRecorded(organizationId: $id) {{ node {{ {} }} }} }}",
            aliases(count, "changes { new }")
        )
    };
    let id = json!({ "id": acme });
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    // Together these are more than one answer may have.
    socket.subscribe("fits", &watch(100), id.clone()).await;
    socket.subscribe("is too long", &watch(300), id.clone()).await;
    daybook_tests::eventually("both to have begun", 20, async || {
        let metrics = reqwest::get(server.url("/metrics")).await.unwrap().text().await.unwrap();
        metrics.contains("daybook_subscriptions 2").then_some(())
    })
    .await;
    let mut long = entry("long");
    long["changes"] = json!([{ "field": "text", "new": "x".repeat(60_000) }]);
    let payload = admin.record_entries(&acme, json!(vec![long; 5])).await;
    assert_eq!(payload["userErrors"], json!([]));
    let (mut events, mut refusals) = (0, 0);
    while events < 5 || refusals < 1 {
        let message = socket.next().await;
        match message["id"].as_str() {
            Some("fits") => {
                assert_eq!(message["payload"].get("errors"), None);
                events += 1;
            }
            _ => {
                let text = message["payload"][0]["message"].as_str().unwrap();
                assert!(text.contains("request fewer"), "{:.300}", message.to_string());
                refusals += 1;
            }
        }
    }
}

#[on_each_engine]
async fn thousands_of_failing_fields_make_a_short_answer(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let page = "query($id: ID!) { ".to_owned() + &(0..90).map(|index| format!(
        "a{index}: organization(id: $id) {{ members(first: 101) {{ nodes {{ subject }} }} }} "
    )).collect::<String>() + "}";
    let answer = admin.send(&page, json!({ "id": acme })).await;
    let errors = answer.body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 51);
    assert_eq!(errors[50]["message"], "… and 40 more errors");
}
