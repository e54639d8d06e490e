//! Pages of jobs: newest first, complete in both directions, filtered exactly.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};
use sea_orm::ConnectionTrait;

const PAGE: &str = "query(
    $organization: ID, $filter: JobFilter, $first: Int, $after: String, $last: Int, $before: String
) {
    page: jobs(
        organizationId: $organization, filter: $filter, first: $first, after: $after, last: $last, before: $before
    ) {
        totalCount edges { cursor node { id } } nodes { id createdAt requestedBy { externalId } state }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}";

#[on_each_engine]
async fn walks_over_jobs_give_each_once_newest_first(server: &TestServer) {
    let (acme, admin, mut ids) = eleven_jobs(server).await;
    ids.reverse();
    let variables = json!({ "organization": acme });
    for size in [1, 3, 11, 12] {
        assert_eq!(walk(&admin, &variables, size, "first").await, ids, "forward by {size}");
        assert_eq!(walk(&admin, &variables, size, "last").await, ids, "backward by {size}");
    }
    // Created at one instant, they still have one order.
    let db = server.database.connect().await;
    let same = "UPDATE jobs SET created_at = (SELECT min(created_at) FROM jobs)";
    db.execute_unprepared(same).await.unwrap();
    db.close().await.unwrap();
    let whole = walk(&admin, &variables, 100, "first").await;
    assert_eq!(whole.len(), 11);
    for size in [1, 3] {
        assert_eq!(walk(&admin, &variables, size, "first").await, whole, "forward by {size}");
        assert_eq!(walk(&admin, &variables, size, "last").await, whole, "backward by {size}");
    }
}

#[on_each_engine]
async fn pages_of_jobs_are_bounded_and_their_cursors_bound(server: &TestServer) {
    let (acme, admin, _) = eleven_jobs(server).await;
    let globex = server.organization("globex").await;
    server.set_member(&globex, "admin", Role::Admin).await;
    admin.export(&globex, "CSV").await;
    let cursor_of = async |variables: Value| {
        page(&admin, &variables).await["edges"][0]["cursor"].as_str().unwrap().to_owned()
    };
    let good = cursor_of(json!({ "organization": acme })).await;
    let of_log = "query($id: ID!) { auditLogs(organizationId: $id) { edges { cursor } } }";
    let of_log = admin.query(of_log, json!({ "id": acme })).await;
    let mut wrong = vec![
        (json!({ "first": 101 }), "first"),
        (json!({ "last": -1 }), "last"),
        (json!({ "first": 1, "last": 1 }), "last"),
    ];
    for cursor in [
        String::new(),
        good[1..].to_owned(),
        cursor_of(json!({ "organization": globex })).await,
        cursor_of(json!({ "organization": acme, "filter": { "requestedBy": "admin" } })).await,
        of_log["auditLogs"]["edges"][0]["cursor"].as_str().unwrap().to_owned(),
    ] {
        wrong.push((json!({ "after": cursor }), "after"));
        wrong.push((json!({ "before": cursor }), "before"));
    }
    for (mut variables, argument) in wrong {
        variables["organization"] = json!(acme);
        let answer = admin.send(PAGE, variables.clone()).await;
        let code = json!({ "code": "BAD_USER_INPUT", "argument": argument });
        assert_eq!(answer.body["errors"][0]["extensions"], code, "{variables}: {answer:?}");
    }
    let rest = page(&admin, &json!({ "organization": acme, "after": good })).await;
    assert_eq!(rest["nodes"].as_array().unwrap().len(), 10);
}

#[on_each_engine]
async fn filters_of_jobs_hold_in_list_and_count(server: &TestServer) {
    let (acme, admin, ids) = eleven_jobs(server).await;
    let auditor = server.client(&acme, Role::Auditor).await;
    auditor.export(&acme, "JSON").await;
    let all = page(&admin, &json!({ "organization": acme })).await;
    let created = |index: usize| all["nodes"][index]["createdAt"].as_str().unwrap().to_owned();
    let after = |instant: String| {
        let instant = chrono::DateTime::parse_from_rfc3339(&instant).unwrap();
        (instant + chrono::TimeDelta::microseconds(1)).to_rfc3339()
    };
    for (filter, count) in [
        (json!({}), 12),
        (json!({ "kinds": ["EXPORT"] }), 12),
        (json!({ "kinds": [] }), 0),
        (json!({ "states": ["SUCCEEDED", "FAILED"] }), 12),
        (json!({ "states": ["QUEUED"] }), 0),
        (json!({ "requestedBy": "admin" }), 11),
        (json!({ "requestedBy": "Admin" }), 0),
        (json!({ "requestedBy": "auditor", "states": ["SUCCEEDED"] }), 1),
        (json!({ "createdFrom": created(4) }), 5),
        (json!({ "createdFrom": after(created(4)) }), 4),
        (json!({ "createdTo": created(4) }), 7),
        (json!({ "createdTo": after(created(4)) }), 8),
        (json!({ "createdFrom": created(6), "createdTo": created(2) }), 4),
    ] {
        let variables = json!({ "organization": acme, "filter": filter });
        let page = page(&admin, &variables).await;
        assert_eq!(page["totalCount"], count, "{filter}");
        assert_eq!(page["nodes"].as_array().unwrap().len(), count, "{filter}");
    }
    let found = json!({ "organization": acme, "filter": { "requestedBy": "admin" } });
    assert_eq!(walk(&admin, &found, 4, "first").await.len(), ids.len());
    let nul = json!({ "organization": acme, "filter": { "requestedBy": "\u{0}" } });
    let answer = admin.send(PAGE, nul).await;
    assert_eq!(answer.code(), "BAD_USER_INPUT", "{answer:?}");
}

/// An organization, its admin, and eleven jobs' IDs in the order in which they were started.
async fn eleven_jobs(server: &TestServer) -> (String, Client, Vec<Value>) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut ids = Vec::new();
    for _ in 0..11 {
        ids.push(admin.export(&acme, "JSONL").await["job"]["id"].clone());
    }
    (acme, admin, ids)
}

/// IDs of all jobs, page by page, in the list's order.
async fn walk(client: &Client, variables: &Value, size: i32, count: &str) -> Vec<Value> {
    let (position, more, edge) = match count {
        "first" => ("after", "hasNextPage", "endCursor"),
        _ => ("before", "hasPreviousPage", "startCursor"),
    };
    let mut variables = variables.clone();
    variables[count] = json!(size);
    let mut all = Vec::new();
    loop {
        let page = page(client, &variables).await;
        let rows = page["nodes"].as_array().unwrap().iter().map(|job| job["id"].clone());
        let rows: Vec<_> = rows.collect();
        assert!(!rows.is_empty() && i32::try_from(rows.len()).unwrap() <= size);
        let place = if count == "first" { all.len() } else { 0 };
        all.splice(place..place, rows).for_each(drop);
        if page["pageInfo"][more] == false {
            return all;
        }
        variables[position] = page["pageInfo"][edge].clone();
    }
}

async fn page(client: &Client, variables: &Value) -> Value {
    client.query(PAGE, variables.clone()).await["page"].clone()
}
