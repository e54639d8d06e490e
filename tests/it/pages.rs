//! Pages of the audit log: complete, exact, in order, and clear about what they refuse.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, entry, json, on_each_engine};

const ORDERS: [&str; 4] = ["RECORDED_DESC", "RECORDED_ASC", "TIMESTAMP_DESC", "TIMESTAMP_ASC"];

const PAGE: &str = "query(
    $organization: ID!, $filter: AuditLogFilter, $order: AuditLogOrder,
    $first: Int, $after: String, $last: Int, $before: String
) {
    page: auditLogs(
        organizationId: $organization, filter: $filter, orderBy: $order,
        first: $first, after: $after, last: $last, before: $before
    ) {
        edges { cursor node { sequence } } nodes { sequence timestamp }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}";

#[on_each_engine]
async fn walks_of_every_order_give_each_entry_once(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    // Eleven instants among 230 entries, none in the order of recording.
    let entries: Vec<_> = (0..230)
        .map(|index| {
            let mut entry = entry(&format!("walk.{index}"));
            entry["timestamp"] = json!(format!("2026-01-01T00:00:00.{:06}Z", index * 7 % 11));
            entry
        })
        .collect();
    admin.record_entries(&acme, json!(entries)).await;
    for order in ORDERS {
        let variables = json!({ "organization": acme, "order": order });
        let mut sorted = walk(&admin, &variables, 100, Direction::Forward).await;
        sort(&mut sorted, order);
        let mut sequences: Vec<i64> = sorted
            .iter()
            .map(|entry| entry["sequence"].as_str().unwrap().parse().unwrap())
            .collect();
        for size in [7, 58, 100] {
            for direction in [Direction::Forward, Direction::Backward] {
                let walked = walk(&admin, &variables, size, direction).await;
                assert_eq!(walked, sorted, "{order} {direction:?} by {size}");
            }
        }
        sequences.sort_unstable();
        assert_eq!(sequences, (1..=232).collect::<Vec<_>>(), "each entry once");
    }
}

#[on_each_engine]
async fn range_in_another_order_is_whole_near_and_far(server: &TestServer) {
    /// Number of entries, which is more than are walked or sorted at first.
    const ENTRIES: usize = 8_000;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    // A minute's entries come in another order.
    let second = |index: usize| index / 60 * 60 + index * 7 % 60;
    let instant = |second: usize| {
        let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
        format!("2026-01-01T{hours:02}:{minutes:02}:{seconds:02}Z")
    };
    for first in (0..ENTRIES).step_by(1_000) {
        let entries = (first..first + 1_000).map(|index| {
            let mut entry = entry(if index % 3 == 0 { "third.of.all" } else { "other" });
            entry["timestamp"] = json!(instant(second(index)));
            entry
        });
        let payload = admin.record_entries(&acme, json!(entries.collect::<Vec<_>>())).await;
        assert_eq!(payload["userErrors"], json!([]));
    }
    let times = |from, to| json!({ "from": instant(from), "to": instant(to), "actorId": "ada" });
    let thirds = || json!({ "action": "third.*" });
    for (filter, order, direction) in [
        (times(90, 1_700), "RECORDED_DESC", Direction::Forward),
        (times(90, 1_700), "RECORDED_ASC", Direction::Backward),
        // Where the first walk ends.
        (times(1_500, 3_050), "RECORDED_DESC", Direction::Forward),
        (times(6_300, 7_910), "RECORDED_ASC", Direction::Forward),
        (times(2_000, 7_000), "RECORDED_DESC", Direction::Backward),
        (thirds(), "TIMESTAMP_ASC", Direction::Forward),
        (thirds(), "TIMESTAMP_DESC", Direction::Backward),
    ] {
        // By the range alone, in the order that its index has, and sorted here.
        let own = if filter["action"].is_null() { "TIMESTAMP_ASC" } else { "RECORDED_ASC" };
        let variables = |order| json!({ "organization": acme, "filter": filter, "order": order });
        let mut sorted = walk(&admin, &variables(own), 100, Direction::Forward).await;
        let matching = (0..ENTRIES).filter(|index| match filter["from"].as_str() {
            Some(from) => {
                let at = instant(second(*index));
                at.as_str() >= from && at.as_str() < filter["to"].as_str().unwrap()
            }
            None => index % 3 == 0,
        });
        assert_eq!(sorted.len(), matching.count(), "{filter}");
        sort(&mut sorted, order);
        let walked = walk(&admin, &variables(order), 100, direction).await;
        assert_eq!(walked, sorted, "{filter} {order} {direction:?}");
    }
}

#[on_each_engine]
async fn page_says_what_lies_before_and_after_it(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    let ask = async |extra: Value| {
        let mut variables = json!({
            "organization": acme, "order": "RECORDED_ASC", "filter": { "action": "test.*" },
        });
        variables.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        page(&admin, &variables).await
    };
    let all = ask(json!({ "first": 10 })).await;
    let cursor = |index: usize| all["edges"][index]["cursor"].clone();
    // What is asked for; how many there are; whether there is a next and a previous page.
    for (extra, sequences, next, previous) in [
        (json!({}), 3..=12, false, false),
        (json!({ "first": 10 }), 3..=12, false, false),
        (json!({ "first": 11 }), 3..=12, false, false),
        (json!({ "first": 9 }), 3..=11, true, false),
        (json!({ "last": 10 }), 3..=12, false, false),
        (json!({ "last": 9 }), 4..=12, false, true),
        (json!({ "first": 3, "after": cursor(3) }), 7..=9, true, true),
        (json!({ "first": 6, "after": cursor(3) }), 7..=12, false, true),
        (json!({ "last": 3, "before": cursor(3) }), 3..=5, true, false),
        (json!({ "last": 2, "before": cursor(3) }), 4..=5, true, true),
        (json!({ "after": cursor(3) }), 7..=12, false, true),
        // With `first`, only what `first` cut off makes a next page.
        (json!({ "first": 9, "before": cursor(3) }), 3..=5, false, false),
        (json!({ "first": 2, "before": cursor(3) }), 3..=4, true, false),
        (json!({ "before": cursor(3) }), 3..=5, true, false),
        (json!({ "last": 9, "after": cursor(3) }), 7..=12, false, false),
        (json!({ "last": 2, "after": cursor(3) }), 11..=12, false, true),
        (json!({ "after": cursor(2), "before": cursor(6) }), 6..=8, true, true),
    ] {
        let page = ask(extra.clone()).await;
        let expected: Vec<_> = sequences.map(|number: i64| number.to_string()).collect();
        let found: Vec<_> = rows(&page).iter().map(|row| row["sequence"].clone()).collect();
        assert_eq!(json!(found), json!(expected), "{extra}");
        let info = json!({
            "hasNextPage": next, "hasPreviousPage": previous,
            "startCursor": page["edges"][0]["cursor"],
            "endCursor": page["edges"][expected.len() - 1]["cursor"],
        });
        assert_eq!(page["pageInfo"], info, "{extra}");
    }
}

#[on_each_engine]
async fn empty_pages_have_no_cursors(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let nobody = json!({ "actorId": "nobody" });
    for (filter, extra, next, previous) in [
        (&nobody, json!({}), false, false),
        (&nobody, json!({ "first": 5 }), false, false),
        (&nobody, json!({ "last": 5 }), false, false),
        (&json!({}), json!({ "first": 0 }), true, false),
        (&json!({}), json!({ "last": 0 }), false, true),
    ] {
        let mut variables = json!({ "organization": acme, "filter": filter });
        variables.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let info = json!({
            "hasNextPage": next, "hasPreviousPage": previous, "startCursor": null, "endCursor": null,
        });
        let empty = json!({ "edges": [], "nodes": [], "pageInfo": info });
        assert_eq!(page(&admin, &variables).await, empty, "{variables}");
    }
}

#[on_each_engine]
async fn page_has_50_by_default_and_100_at_the_most(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 101).await;
    for (extra, count) in
        [(json!({}), 50), (json!({ "first": 100 }), 100), (json!({ "last": 100 }), 100)]
    {
        let mut variables = json!({ "organization": acme });
        variables.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(rows(&page(&admin, &variables).await).len(), count);
    }
    for (extra, argument, word) in [
        (json!({ "first": 101 }), "first", "at most 100"),
        (json!({ "last": 101 }), "last", "at most 100"),
        (json!({ "first": -1 }), "first", "negative"),
        (json!({ "last": -1 }), "last", "negative"),
        (json!({ "first": 1, "last": 1 }), "last", "not both"),
        (json!({ "first": 101, "last": 1 }), "last", "not both"),
    ] {
        refused(&admin, &acme, extra, argument, word).await;
    }
}

#[on_each_engine]
async fn cursor_is_good_for_its_own_list_filter_and_order_only(server: &TestServer) {
    let acme = server.organization("acme").await;
    let globex = server.organization("globex").await;
    let admin = server.client(&acme, Role::Admin).await;
    server.set_member(&globex, "admin", Role::Admin).await;
    admin.record(&acme, 3).await;
    let cursor_of = async |variables: Value| {
        page(&admin, &variables).await["edges"][0]["cursor"].as_str().unwrap().to_owned()
    };
    let good = cursor_of(json!({ "organization": acme })).await;
    let job = admin.export(&acme, "CSV").await["job"]["id"].clone();
    let job = admin.finished(job.as_str().unwrap()).await;
    let jobs = "query($id: ID!) { jobs(organizationId: $id) { edges { cursor } } }";
    let jobs = admin.query(jobs, json!({ "id": acme })).await;
    let mut wrong = vec![
        ("nothing", String::new()),
        ("nonsense", "nonsense".to_owned()),
        ("an ID", acme.clone()),
        ("cut off", good[..good.len() - 2].to_owned()),
        ("longer", format!("{good}AA")),
        ("another organization's", cursor_of(json!({ "organization": globex })).await),
        (
            "another order's",
            cursor_of(json!({ "organization": acme, "order": "RECORDED_ASC" })).await,
        ),
        (
            "another key's",
            cursor_of(json!({ "organization": acme, "order": "TIMESTAMP_DESC" })).await,
        ),
        (
            "another filter's",
            cursor_of(json!({ "organization": acme, "filter": { "actorId": "ada" } })).await,
        ),
        ("a job's", jobs["jobs"]["edges"][0]["cursor"].as_str().unwrap().to_owned()),
        ("a transition's", job["transitions"][0]["cursor"].as_str().unwrap().to_owned()),
    ];
    for index in 0..good.len() {
        let other = if good.as_bytes()[index] == b'A' { "B" } else { "A" };
        let damaged = format!("{}{other}{}", &good[..index], &good[index + 1..]);
        wrong.push(("damaged", damaged));
    }
    for (what, cursor) in wrong {
        for argument in ["after", "before"] {
            let extra = json!({ argument: cursor });
            let answer = refused(&admin, &acme, extra, argument, "cursor").await;
            assert!(answer["data"].is_null(), "{what}: {answer}");
        }
    }
    let own = json!({ "organization": acme, "after": good, "order": null, "filter": null });
    assert_eq!(rows(&page(&admin, &own).await).len(), 4, "null is as left out");
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// Puts entries in the order that the list is asked for.
fn sort(entries: &mut [Value], order: &str) {
    entries.sort_by_key(|entry| {
        let sequence: i64 = entry["sequence"].as_str().unwrap().parse().unwrap();
        let timestamp = entry["timestamp"].as_str().unwrap().to_owned();
        (if order.starts_with("TIMESTAMP") { timestamp } else { String::new() }, sequence)
    });
    if order.ends_with("DESC") {
        entries.reverse();
    }
}

/// All rows, page by page, in the list's order.
async fn walk(client: &Client, variables: &Value, size: i32, direction: Direction) -> Vec<Value> {
    let (count, position, more, edge) = match direction {
        Direction::Forward => ("first", "after", "hasNextPage", "endCursor"),
        Direction::Backward => ("last", "before", "hasPreviousPage", "startCursor"),
    };
    let mut variables = variables.clone();
    variables[count] = json!(size);
    let mut all = Vec::new();
    loop {
        let page = page(client, &variables).await;
        let rows = rows(&page);
        assert!(!rows.is_empty() && i32::try_from(rows.len()).unwrap() <= size);
        match direction {
            Direction::Forward => all.extend(rows),
            Direction::Backward => all.splice(0..0, rows).for_each(drop),
        }
        if page["pageInfo"][more] == false {
            return all;
        }
        variables[position] = page["pageInfo"][edge].clone();
    }
}

async fn page(client: &Client, variables: &Value) -> Value {
    client.query(PAGE, variables.clone()).await["page"].clone()
}

/// The page's nodes, which are those of its edges.
fn rows(page: &Value) -> Vec<Value> {
    let nodes = page["nodes"].as_array().unwrap().clone();
    let edges = page["edges"].as_array().unwrap();
    assert_eq!(edges.len(), nodes.len());
    for (edge, node) in edges.iter().zip(&nodes) {
        assert_eq!(edge["node"]["sequence"], node["sequence"]);
    }
    nodes
}

/// The body of the answer, which names the argument and says what is wrong with it.
async fn refused(
    client: &Client,
    organization: &str,
    extra: Value,
    argument: &str,
    word: &str,
) -> Value {
    let mut variables = json!({ "organization": organization });
    variables.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let answer = client.send(PAGE, variables).await;
    let error = &answer.body["errors"][0];
    let code = json!({ "code": "BAD_USER_INPUT", "argument": argument });
    assert_eq!(error["extensions"], code, "{extra}: {answer:?}");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with(argument) && message.contains(word), "{extra}: {message}");
    answer.body
}
