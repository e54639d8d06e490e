//! Filters of the audit log against a model: whatever is asked, list and count are what a plain
//! loop over the entries finds.

use daybook_entity::membership::Role;
use daybook_tests::{Client, Value, json, on_each_engine};

const PAGE: &str = "query(
    $organization: ID!, $filter: AuditLogFilter, $order: AuditLogOrder,
    $first: Int, $after: String, $last: Int, $before: String
) {
    auditLogs(
        organizationId: $organization, filter: $filter, orderBy: $order,
        first: $first, after: $after, last: $last, before: $before
    ) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        nodes {
            sequence timestamp actor { id type email } action outcome resource { type id }
            metadata { requestId }
        }
    }
}";

/// Filters to try on each engine.
const FILTERS: usize = 80;

const NAMES: [&str; 12] =
    ["ada", "Ada", "ADA", "a_a", "a%", "%", "_", "o'brien", "é", "e\u{301}", "日本", "ada "];
const ACTIONS: [&str; 18] = [
    "device.assign",
    "device.assigned",
    "Device.assign",
    "device_assign",
    "device%assign",
    "device.",
    "device.*",
    "*",
    "%",
    "_",
    "d",
    "dévice.assign",
    "device.\u{D7FF}",
    "device.\u{E000}",
    "device.\u{10FFFF}",
    "\u{10FFFF}",
    "\u{10FFFF}\u{10FFFF}x",
    "\\device\"'",
];
const PREFIXES: [&str; 18] = [
    "*",
    "d*",
    "D*",
    "device*",
    "device.*",
    "device.a*",
    "device_*",
    "device%*",
    "_*",
    "%*",
    "é*",
    "dé*",
    "device.\u{D7FF}*",
    "device.\u{10FFFF}*",
    "\u{10FFFF}*",
    "\u{10FFFF}\u{10FFFF}*",
    "\\*",
    "device.**",
];
const TYPES: [&str; 3] = ["USER", "SERVICE", "SYSTEM"];
const OUTCOMES: [&str; 3] = ["SUCCESS", "FAILURE", "DENIED"];
const ORDERS: [&str; 4] = ["RECORDED_DESC", "RECORDED_ASC", "TIMESTAMP_DESC", "TIMESTAMP_ASC"];

on_each_engine! {
    async fn list_and_count_are_what_a_plain_loop_finds(server: &TestServer) {
        let acme = server.organization("acme").await;
        let admin = server.client(&acme, Role::Admin).await;
        let mut dice = Dice(20_261_121);
        for _ in 0..3 {
            let entries: Vec<_> = (0..1_000).map(|_| any_entry(&mut dice)).collect();
            let payload = admin.record_entries(&acme, json!(entries)).await;
            assert_eq!(payload["userErrors"], json!([]));
        }
        let whole = walk(&admin, &acme, &json!({}), "RECORDED_ASC", Pages { size: 100, way: Way::Forward, most: usize::MAX }).await;
        assert_eq!(whole.len(), 3_002);
        let mut found = 0;
        for number in 0..FILTERS {
            let filter = any_filter(&mut dice);
            let order = *dice.pick(&ORDERS);
            let mut expected: Vec<_> = whole.iter().filter(|entry| passes(entry, &filter)).cloned().collect();
            sort(&mut expected, order);
            // Any size, but at most a dozen pages.
            let size = dice.between((expected.len() / 12 + 1).min(100), 100);
            let way = *dice.pick(&[Way::Forward, Way::Backward]);
            let listed = walk(&admin, &acme, &filter, order, Pages { size, way, most: usize::MAX }).await;
            let sequences = |entries: &[Value]| -> Vec<Value> {
                entries.iter().map(|entry| entry["sequence"].clone()).collect()
            };
            assert_eq!(sequences(&listed), sequences(&expected), "{number}: {filter} {order} {way:?} by {size}");
            found += usize::from(!expected.is_empty());
        }
        assert!(found > FILTERS / 3, "only {found} filters found anything");
    }

    async fn bounds_are_exact_to_the_nanosecond_at_any_offset(server: &TestServer) {
        let acme = server.organization("acme").await;
        let admin = server.client(&acme, Role::Admin).await;
        let at = |timestamp: &str| {
            json!({
                "actor": { "id": "ada" }, "action": "tick", "resource": { "type": "clock", "id": "1" },
                "timestamp": timestamp,
            })
        };
        let ticks = ["2026-02-13T10:30:00Z", "2026-02-13T10:30:00.000001Z", "2026-02-13T16:00:00.0000019+05:30"];
        admin.record_entries(&acme, json!(ticks.map(at))).await;
        let count = "query($id: ID!, $from: DateTime, $to: DateTime) {
            auditLogs(organizationId: $id, filter: { action: \"tick\", from: $from, to: $to }) { totalCount }
        }";
        for (from, to, ticks) in [
            ("2026-02-13T10:30:00Z", None, 3),
            ("2026-02-13T10:30:00.000000001Z", None, 2),
            ("2026-02-13T10:30:00.000001Z", None, 2),
            ("2026-02-13T10:30:00.000001001Z", None, 0),
            ("2026-02-13T10:30:00.000000Z", Some("2026-02-13T10:30:00.000001Z"), 1),
            ("2026-02-13T10:30:00.000000Z", Some("2026-02-13T10:30:00.000001001Z"), 3),
            ("2026-02-13T00:00:00-10:30", Some("2026-02-13T23:59:59.999999999+13:29"), 3),
            ("2026-02-13T10:30:00Z", Some("2026-02-13T10:30:00Z"), 0),
            ("0001-01-01T00:00:00Z", Some("9999-12-31T23:59:59Z"), 3),
        ] {
            let variables = json!({ "id": acme, "from": from, "to": to });
            let found = admin.query(count, variables).await;
            assert_eq!(found["auditLogs"]["totalCount"], ticks, "{from} {to:?}");
        }
    }

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
        for filter in [json!({ "from": "yesterday" }), json!({ "from": "2026-01-01T00:00:00" }), json!({ "actor": "ada" })] {
            let answer = admin.send(PAGE, json!({ "organization": acme, "filter": filter })).await;
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{filter}: {answer:?}");
            assert!(answer.body.get("data").is_none_or(Value::is_null), "{filter}: {answer:?}");
        }
        // In the document itself, too, and not in RFC 3339's years and offsets.
        for time in ["\"yesterday\"", "\"0017-12-24T16:43:55+12:37:12\"", "5"] {
            let logs = format!("{{ auditLogs(organizationId: \"{acme}\", filter: {{ from: {time} }}) {{ totalCount }} }}");
            assert_eq!(admin.error(&logs, json!({})).await, "BAD_USER_INPUT", "{time}");
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Forward,
    Backward,
}

fn any_entry(dice: &mut Dice) -> Value {
    let mut entry = json!({
        "actor": { "id": dice.pick(&NAMES), "type": dice.pick(&TYPES) },
        "action": dice.pick(&ACTIONS),
        "outcome": dice.pick(&OUTCOMES),
        "resource": { "type": dice.pick(&NAMES), "id": dice.pick(&NAMES) },
        "timestamp": any_instant(dice),
    });
    if dice.one_in(2) {
        entry["actor"]["email"] = json!(format!("{}@acme.test", dice.pick(&NAMES)));
    }
    if dice.one_in(2) {
        entry["metadata"] = json!({ "requestId": dice.pick(&NAMES) });
    }
    entry
}

/// Mostly one or two conditions, so that they often find something.
fn any_filter(dice: &mut Dice) -> Value {
    let mut filter = json!({});
    for _ in 0..dice.between(0, 3) {
        let field = *dice.pick(&[
            "actorId",
            "actorEmail",
            "actorType",
            "action",
            "action",
            "outcome",
            "resourceType",
            "resourceId",
            "requestId",
            "from",
            "to",
        ]);
        filter[field] = match field {
            "actorEmail" => json!(format!("{}@acme.test", dice.pick(&NAMES))),
            "actorType" => json!(dice.pick(&TYPES)),
            "action" if dice.one_in(2) => json!(dice.pick(&PREFIXES)),
            "action" => json!(dice.pick(&ACTIONS)),
            "outcome" => json!(dice.pick(&OUTCOMES)),
            "from" | "to" => any_instant(dice),
            _ => json!(dice.pick(&NAMES)),
        };
    }
    // A range that ends before it begins is an error, and another test's.
    if nanoseconds(&filter["from"])
        .zip(nanoseconds(&filter["to"]))
        .is_some_and(|(from, to)| from > to)
    {
        let from = filter["from"].take();
        filter["from"] = filter["to"].take();
        filter["to"] = from;
    }
    filter
}

/// One of a few hundred instants, many of them equal or less than a microsecond apart.
fn any_instant(dice: &mut Dice) -> Value {
    let nanoseconds = dice.between(0, 40) * 250 + dice.between(0, 3) * 1_000_000_000;
    let seconds = nanoseconds / 1_000_000_000;
    let fraction = format!(".{:09}", nanoseconds % 1_000_000_000);
    let fraction = if dice.one_in(2) {
        fraction.as_str()
    } else {
        fraction.trim_end_matches('0').trim_end_matches('.')
    };
    let (clock, offset) = *dice.pick(&[
        ("2026-02-13T10:30:0", "Z"),
        ("2026-02-13T16:00:0", "+05:30"),
        ("2026-02-12T22:30:0", "-12:00"),
    ]);
    json!(format!("{clock}{seconds}{fraction}{offset}"))
}

/// The model.
fn passes(entry: &Value, filter: &Value) -> bool {
    filter.as_object().unwrap().iter().all(|(field, wanted)| match field.as_str() {
        "actorId" => entry["actor"]["id"] == *wanted,
        "actorEmail" => entry["actor"]["email"] == *wanted,
        "actorType" => entry["actor"]["type"] == *wanted,
        "outcome" => entry["outcome"] == *wanted,
        "resourceType" => entry["resource"]["type"] == *wanted,
        "resourceId" => entry["resource"]["id"] == *wanted,
        "requestId" => entry["metadata"]["requestId"] == *wanted,
        "from" => nanoseconds(&entry["timestamp"]) >= nanoseconds(wanted),
        "to" => nanoseconds(&entry["timestamp"]) < nanoseconds(wanted),
        "action" => {
            let (action, wanted) = (entry["action"].as_str().unwrap(), wanted.as_str().unwrap());
            wanted.strip_suffix('*').map_or(action == wanted, |prefix| action.starts_with(prefix))
        }
        other => panic!("the model does not know {other}"),
    })
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

/// How to go through a list.
#[derive(Copy, Clone)]
pub(crate) struct Pages {
    pub(crate) size: usize,
    pub(crate) way: Way,
    /// Where there are more entries than that, the others may be left out.
    pub(crate) most: usize,
}

/// All entries that pass, or at least `most` of them, page by page, each page with the count of all.
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

/// Repeatable chance (SplitMix64).
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
