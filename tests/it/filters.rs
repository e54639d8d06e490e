//! Filters of the audit log: what they mean, and what they refuse. That answers are what a plain loop finds
//! is in `plain_loop`.

use daybook_entity::membership::Role;
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};

use crate::exports::input;

const PAGE: &str = "query(
    $organization: ID!, $filter: AuditLogFilter, $order: AuditLogOrder,
    $first: Int, $after: String, $last: Int, $before: String
) {
    auditLogs(
        organizationId: $organization, filter: $filter, orderBy: $order,
        first: $first, after: $after, last: $last, before: $before
    ) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        nodes { sequence timestamp outcome }
    }
}";

#[on_each_engine]
async fn bounds_are_exact_to_the_microsecond_at_any_offset(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let at = |timestamp: &str| {
        json!({
            "actor": { "id": "ada" }, "action": "tick", "resource": { "type": "clock", "id": "1" },
            "timestamp": timestamp,
        })
    };
    let ticks =
        ["2026-02-13T10:30:00Z", "2026-02-13T10:30:00.000001Z", "2026-02-13T16:00:00.000001+05:30"];
    admin.record_entries(&acme, json!(ticks.map(at))).await;
    let count = "query($id: ID!, $from: DateTime, $to: DateTime) {
        auditLogs(organizationId: $id, filter: { action: \"tick\", from: $from, to: $to }) { totalCount }
    }";
    for (from, to, ticks) in [
        ("2026-02-13T10:30:00Z", None, 3),
        ("2026-02-13T10:30:00.000001Z", None, 2),
        ("2026-02-13T10:30:00.000002Z", None, 0),
        ("2026-02-13T10:30:00.000000Z", Some("2026-02-13T10:30:00.000001Z"), 1),
        ("2026-02-13T10:30:00.000000Z", Some("2026-02-13T10:30:00.000002Z"), 3),
        ("2026-02-13T00:00:00-10:30", Some("2026-02-13T23:59:59.999999+13:29"), 3),
        ("2026-02-13T10:30:00Z", Some("2026-02-13T10:30:00Z"), 0),
        ("0001-01-01T00:00:00Z", Some("9999-12-31T23:59:59Z"), 3),
    ] {
        let variables = json!({ "id": acme, "from": from, "to": to });
        let found = admin.query(count, variables).await;
        assert_eq!(found["auditLogs"]["totalCount"], ticks, "{from} {to:?}");
    }
}

/// Fields that take a filter, and the argument that an error names.
const FILTERED: [(&str, &str); 4] = [
    ("auditLogs(organizationId: $id, filter: $filter) { nodes { id } }", "filter.action"),
    ("auditLogs(organizationId: $id, filter: $filter, first: 0) { totalCount }", "filter.action"),
    ("auditLogHistogram(organizationId: $id, filter: $filter) { count }", "filter.action"),
    (
        "exportEstimate(organizationId: $id, source: { auditLogs: { filter: $filter } }) { pieces }",
        "source.auditLogs.filter.action",
    ),
];

#[on_each_engine]
async fn star_is_taken_at_the_end_only_wherever_a_filter_is(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 3).await;
    for action in ["*.sign_in", "user.*.x", "**", "test.**", "*test.*", "te*st"] {
        let filter = json!({ "action": action });
        for (field, argument) in FILTERED {
            let query = format!("query($id: ID!, $filter: AuditLogFilter) {{ {field} }}");
            let answer = admin.send(&query, json!({ "id": acme, "filter": filter })).await.body;
            let code = json!({ "code": "BAD_USER_INPUT", "argument": argument });
            assert_eq!(answer["errors"][0]["extensions"], code, "{action}: {answer}");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains("at its end only"), "{message}");
        }
        let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
        let tail = "subscription($id: ID!, $filter: AuditLogFilter) {
            auditLogRecorded(organizationId: $id, filter: $filter) { cursor } }";
        socket.subscribe("1", tail, json!({ "id": acme, "filter": filter })).await;
        let answer = socket.next().await;
        assert_eq!(
            answer["payload"]["errors"][0]["extensions"]["argument"], "filter.action",
            "{answer}"
        );
        let payload = admin.start_export(input(&acme, &filter, "RECORDED_ASC", "CSV")).await;
        assert_eq!(
            payload["userErrors"][0]["path"],
            json!(["source", "auditLogs", "filter", "action"])
        );
        // Nor can it be recorded, where no filter could name it.
        let payload = admin.record_entries(&acme, json!([daybook_tests::entry(action)])).await;
        assert_eq!(
            payload["userErrors"][0]["path"],
            json!(["entries", "0", "action"]),
            "{payload}"
        );
    }
    let pages = || Pages { size: 100, way: Way::Forward, most: 100 };
    let all = walk(&admin, &acme, &json!({}), "RECORDED_ASC", pages()).await;
    let any = json!({ "action": "*" });
    let found = walk(&admin, &acme, &any, "RECORDED_ASC", pages()).await;
    assert_eq!(found, all);
    let values = "query($id: ID!, $prefix: String!) {
        auditLogValues(organizationId: $id, facet: ACTION, prefix: $prefix) }";
    let answer = admin.send(values, json!({ "id": acme, "prefix": "test.*" })).await.body;
    assert_eq!(answer["errors"][0]["extensions"]["argument"], "prefix", "{answer}");
}

#[on_each_engine]
async fn filter_that_cannot_be_meant_is_refused_by_field(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for (filter, argument) in [
        (json!({ "actorId": "" }), "filter.actorId"),
        (json!({ "actorEmail": "" }), "filter.actorEmail"),
        (json!({ "action": "" }), "filter.action"),
        (json!({ "action": "a\u{0}" }), "filter.action"),
        (json!({ "resourceType": "" }), "filter.resourceType"),
        (json!({ "resourceId": "\u{0}" }), "filter.resourceId"),
        (json!({ "requestId": "" }), "filter.requestId"),
        (json!({ "from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z" }), "filter.to"),
    ] {
        let answer = admin.send(PAGE, json!({ "organization": acme, "filter": filter })).await;
        let code = json!({ "code": "BAD_USER_INPUT", "argument": argument });
        assert_eq!(answer.body["errors"][0]["extensions"], code, "{filter}: {answer:?}");
    }
}

/// Filters of version 2 that are refused, the place that the error names, and words of its message.
fn refused() -> Vec<(Value, &'static str, &'static str)> {
    let nested = |filter: Value| json!({ "not": { "anyOf": [{ "not": filter }] } });
    let extra = |path: &str, equals: Value| json!({ "extra": { "path": path, "equals": equals } });
    let many: Vec<_> = (0..49).map(|index| format!("actor-{index}")).collect();
    vec![
        (json!({ "actorId": [] }), "filter.actorId", "leave the list out"),
        (json!({ "extra": [] }), "filter.extra", "leave the list out"),
        (json!({ "anyOf": [] }), "filter.anyOf", "leave the list out"),
        (nested(json!({ "outcome": [] })), "filter.not.anyOf.0.not.outcome", "leave the list out"),
        (json!({ "not": {} }), "filter.not", "must have a condition"),
        (json!({ "anyOf": [{ "actorId": "ada" }, {}] }), "filter.anyOf.1", "must have a condition"),
        (json!({ "actorId": ["ada", ""] }), "filter.actorId.1", "must not be empty"),
        (json!({ "recordedBy": "a\u{0}" }), "filter.recordedBy", "NUL"),
        (json!({ "action": ["a.*", "*.b"] }), "filter.action.1", "at its end only"),
        (json!({ "ipAddress": ["10.0.0.1", "10.0.0.0/33"] }), "filter.ipAddress.1", "CIDR"),
        (json!({ "ipAddress": "fe80::1%eth0" }), "filter.ipAddress", "CIDR"),
        (extra("deploy", json!(1)), "filter.extra.0.path", "JSON Pointer"),
        (extra("/a~2", json!(1)), "filter.extra.0.path", "JSON Pointer"),
        (extra(&"/a".repeat(33), json!(1)), "filter.extra.0.path", "at most 32 steps"),
        (extra("/\u{0}", json!(1)), "filter.extra.0.path", "NUL"),
        (extra("/a", json!({ "b": ["\u{0}"] })), "filter.extra.0.equals.b.0", "NUL"),
        (extra("/a", json!("x".repeat(4_095))), "filter.extra.0.equals", "4096 bytes"),
        (json!({ "sequenceFrom": "2", "sequenceTo": "1" }), "filter.sequenceTo", "sequenceFrom"),
        (
            json!({ "recordedFrom": "2026-02-01T00:00:00Z", "recordedTo": "2026-01-01T00:00:00Z" }),
            "filter.recordedTo",
            "recordedFrom",
        ),
        (nested(json!({ "not": { "actorId": "ada" } })), "filter.not.anyOf.0.not.not", "3 deep"),
        (json!({ "not": { "search": "ada" } }), "filter.not.search", "outermost"),
        (json!({ "anyOf": [{ "search": "ada" }] }), "filter.anyOf.0.search", "outermost"),
        (
            json!({ "actorId": many, "anyOf": [{ "outcome": ["DENIED", "FAILURE"] }] }),
            "filter",
            "has 51",
        ),
    ]
}

#[on_each_engine]
async fn nested_filter_that_cannot_be_meant_is_refused_by_place(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for (filter, argument, words) in refused() {
        let answer = admin.send(PAGE, json!({ "organization": acme, "filter": filter })).await;
        let code = json!({ "code": "BAD_USER_INPUT", "argument": argument });
        assert_eq!(answer.body["errors"][0]["extensions"], code, "{filter}: {answer:?}");
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{filter}: {message}");
    }
}

/// A value that is no list is a list of one, in variables as in documents.
#[on_each_engine]
async fn one_value_is_a_list_of_one(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 3).await;
    for filter in [
        json!({ "action": "test.1" }),
        json!({ "action": ["test.1"] }),
        json!({ "anyOf": { "action": "test.1" } }),
        json!({ "action": ["test.1", "test.1"], "actorId": null, "not": null }),
    ] {
        let page = admin.query(PAGE, json!({ "organization": acme, "filter": filter })).await;
        assert_eq!(page["auditLogs"]["totalCount"], 1, "{filter}");
        assert_eq!(page["auditLogs"]["nodes"].as_array().unwrap().len(), 1, "{filter}");
    }
    let written = format!(
        "{{ auditLogs(organizationId: \"{acme}\", filter: {{ action: \"test.1\", anyOf: {{ not: \
         {{ outcome: DENIED }} }} }}) {{ totalCount }} }}"
    );
    assert_eq!(admin.query(&written, json!({})).await["auditLogs"]["totalCount"], 1);
}

#[on_each_engine]
async fn text_that_is_no_time_is_refused(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    for filter in [
        json!({ "from": "yesterday" }),
        json!({ "from": "2026-01-01T00:00:00" }),
        json!({ "actor": "ada" }),
    ] {
        let answer = admin.send(PAGE, json!({ "organization": acme, "filter": filter })).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{filter}: {answer:?}");
        assert!(answer.body.get("data").is_none_or(Value::is_null), "{filter}: {answer:?}");
    }
    // In the document itself, too, and not in RFC 3339's years and offsets.
    for time in ["\"yesterday\"", "\"0017-12-24T16:43:55+12:37:12\"", "5"] {
        let logs = format!(
            "{{ auditLogs(organizationId: \"{acme}\", filter: {{ from: {time} }}) {{ totalCount }} }}"
        );
        assert_eq!(admin.error(&logs, json!({})).await, "BAD_USER_INPUT", "{time}");
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Forward,
    Backward,
}

pub(crate) fn sort(entries: &mut [Value], order: &str) {
    entries.sort_by_key(|entry| {
        let sequence: i64 = entry["sequence"].as_str().unwrap().parse().unwrap();
        (order.starts_with("TIMESTAMP").then(|| nanoseconds(&entry["timestamp"])), sequence)
    });
    if order.ends_with("DESC") {
        entries.reverse();
    }
}

fn nanoseconds(instant: &Value) -> Option<i64> {
    let instant = chrono::DateTime::parse_from_rfc3339(instant.as_str()?).unwrap();
    instant.timestamp_nanos_opt()
}

/// Size, direction and limit of a walk through a list.
#[derive(Copy, Clone)]
pub(crate) struct Pages {
    pub(crate) size: usize,
    pub(crate) way: Way,
    /// A walk may end once it has this many entries.
    pub(crate) most: usize,
}

/// Lists all matching entries, or at least `most` of them, page by page, and checks the total count.
pub(crate) async fn walk(
    client: &Client,
    organization: &str,
    filter: &Value,
    order: &str,
    Pages { size, way, most }: Pages,
) -> Vec<Value> {
    let (count, position, more, edge) = match way {
        Way::Forward => ("first", "after", "hasNextPage", "endCursor"),
        Way::Backward => ("last", "before", "hasPreviousPage", "startCursor"),
    };
    let mut variables =
        json!({ "organization": organization, "filter": filter, "order": order, count: size });
    let mut all = Vec::new();
    loop {
        let page = client.query(PAGE, variables.clone()).await["auditLogs"].clone();
        let rows = page["nodes"].as_array().unwrap().clone();
        assert!(rows.len() <= size);
        let place = if way == Way::Forward { all.len() } else { 0 };
        all.splice(place..place, rows).for_each(drop);
        if page["pageInfo"][more] == false {
            assert_eq!(page["totalCount"], all.len(), "{filter} {order} {way:?}");
            return all;
        }
        if all.len() >= most {
            return all;
        }
        variables[position] = page["pageInfo"][edge].clone();
    }
}

/// Repeatable random numbers (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + usize::try_from(self.roll() % (most - least + 1) as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.between(1, count) == 1
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.between(0, from.len() - 1)]
    }
}
