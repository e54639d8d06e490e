//! Answers about a log of thousands of entries against a plain loop over its rows: list, count, histogram,
//! suggestions, tail, estimate and export, for random filters.
//!
//! A failure prints its seed. `DAYBOOK_TEST_SEED` sets another one, `DAYBOOK_TEST_FILTERS` another number of
//! filters.

mod log;
mod model;

use std::collections::BTreeSet;

use daybook_entity::audit_log::Model;
use daybook_tests::{Socket, TestServer, Value, json, on_each_engine};

use self::{log::Log, model::Filter};
use crate::{
    exports::{ORDERS, export, input},
    filters::{Dice, Way},
};

/// Random filters on each engine, beside those that are always asked.
const FILTERS: u64 = 48;
const SEED: u64 = 20_261_130;
/// Entries that a tail is asked for at the most: each is a message.
const MAX_TAIL_ENTRIES: usize = 600;
const VALUES_PREFIXES: usize = 24;
const EXPORTS: usize = 8;

const PAGE: &str = "query(
    $organization: ID!, $filter: AuditLogFilter, $order: AuditLogOrder,
    $first: Int, $after: String, $last: Int, $before: String
) {
    auditLogs(
        organizationId: $organization, filter: $filter, orderBy: $order,
        first: $first, after: $after, last: $last, before: $before
    ) { pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { id } }
}";
const NUMBERS: &str = "query($organization: ID!, $filter: AuditLogFilter, $buckets: Int!) {
    auditLogs(organizationId: $organization, filter: $filter, first: 1) { totalCount }
    auditLogHistogram(organizationId: $organization, filter: $filter, buckets: $buckets) { from to count capped }
    exportEstimate(organizationId: $organization, source: { auditLogs: { filter: $filter } }) { recordCount }
}";
const VALUES: &str =
    "query($organization: ID!, $facet: AuditLogFacet!, $prefix: String!, $first: Int!) {
    auditLogValues(organizationId: $organization, facet: $facet, prefix: $prefix, first: $first)
}";
const TAIL: &str = "subscription($organization: ID!, $filter: AuditLogFilter, $after: String) {
    auditLogRecorded(organizationId: $organization, filter: $filter, after: $after) { node { id } }
}";

#[on_each_engine]
async fn answers_are_what_a_plain_loop_finds(server: &TestServer) {
    let seed = number_from("DAYBOOK_TEST_SEED", SEED);
    let mut dice = Dice(seed);
    let log = Log::fill(server, &mut dice).await;
    let mut filters = model::fixed_filters();
    filters.extend(
        (0..number_from("DAYBOOK_TEST_FILTERS", FILTERS))
            .map(|_| Filter::any(&mut dice, &log.rows)),
    );
    let mut sizes = [0; 4];
    for (number, filter) in filters.iter().enumerate() {
        let what = format!("seed {seed}, filter {number}: {}", filter.json);
        let found: Vec<&Model> = log.rows.iter().filter(|row| filter.passes(row)).collect();
        let size_class =
            [1_000, 100, 1].iter().position(|least| found.len() >= *least).unwrap_or(3);
        sizes[size_class] += 1;
        check_numbers(&log, filter, &found, *dice.pick(&[1, 7, 60, 200]), &what).await;
        let is_fixed = number < model::fixed_filters().len();
        for (order, way) in ways(&mut dice, is_fixed) {
            // Any size, but at most thirty pages.
            let size = dice.between((found.len() / 30 + 1).min(100), 100);
            let listed = walk(&log, filter, (order, way, size)).await;
            let expected = log::ids(&log::sorted(&found, order));
            assert!(
                listed == expected,
                "{what} {order} {way:?} by {size}: {}",
                difference(&listed, &expected)
            );
        }
        if number % 3 == 0 {
            check_tail(server, &log, filter, &found, &what).await;
        }
    }
    assert!(sizes.iter().all(|count| *count > 1), "thousands, hundreds, few, none: {sizes:?}");
    check_values(&log, &mut dice).await;
    check_exports(&log, &filters, seed).await;
}

fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// All orders from both ends, or one of them.
fn ways(dice: &mut Dice, is_all: bool) -> Vec<(&'static str, Way)> {
    let all = ORDERS.iter().flat_map(|order| [(*order, Way::Forward), (*order, Way::Backward)]);
    let all: Vec<_> = all.collect();
    if is_all { all } else { vec![*dice.pick(&all)] }
}

fn difference(listed: &[String], expected: &[String]) -> String {
    let at = listed.iter().zip(expected).position(|(listed, expected)| listed != expected);
    format!("{} of {} listed, other from {at:?} on", listed.len(), expected.len())
}

/// The ids of the list, page by page to its end, in the list's order.
async fn walk(log: &Log, filter: &Filter, (order, way, size): (&str, Way, usize)) -> Vec<String> {
    let (count, position, more, edge) = match way {
        Way::Forward => ("first", "after", "hasNextPage", "endCursor"),
        Way::Backward => ("last", "before", "hasPreviousPage", "startCursor"),
    };
    let mut variables = json!({
        "organization": log.organization, "filter": filter.json, "order": order, count: size,
    });
    let mut all = Vec::new();
    loop {
        let page = log.admin.query(PAGE, variables.clone()).await["auditLogs"].clone();
        let ids = page["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["id"].as_str().unwrap().to_owned());
        let place = if way == Way::Forward { all.len() } else { 0 };
        all.splice(place..place, ids).for_each(drop);
        if page["pageInfo"][more] == false {
            return all;
        }
        variables[position] = page["pageInfo"][edge].clone();
    }
}

/// Count, estimate and histogram.
async fn check_numbers(log: &Log, filter: &Filter, found: &[&Model], buckets: usize, what: &str) {
    let variables = json!({
        "organization": log.organization, "filter": filter.json, "buckets": buckets,
    });
    let answer = log.admin.send(NUMBERS, variables).await.body;
    assert_eq!(answer.get("errors"), None, "{what} in {buckets}");
    let numbers = &answer["data"];
    assert_eq!(numbers["auditLogs"]["totalCount"], found.len(), "{what}");
    let estimated = &numbers["exportEstimate"]["recordCount"];
    assert_eq!(*estimated, found.len().to_string(), "{what}");
    let histogram = numbers["auditLogHistogram"].as_array().unwrap();
    let Some((from, to)) = filter.bounds(found) else {
        assert!(histogram.is_empty(), "{what}: {histogram:?}");
        return;
    };
    let expected_buckets = i64::try_from(buckets).unwrap().min(to - from);
    assert_eq!(i64::try_from(histogram.len()).unwrap(), expected_buckets, "{what}");
    let mut begin = from;
    for bucket in histogram {
        assert_eq!(model::micros(&bucket["from"]), begin, "{what}: {bucket}");
        let end = model::micros(&bucket["to"]);
        let is_within = |row: &&&Model| (begin..end).contains(&row.timestamp.timestamp_micros());
        assert_eq!(bucket["count"], found.iter().filter(is_within).count(), "{what}: {bucket}");
        assert_eq!(bucket["capped"], false, "{what}: {bucket}");
        begin = end;
    }
    assert_eq!(begin, to, "{what}");
}

/// The entries after a cursor in the middle, as the tail delivers them.
async fn check_tail(server: &TestServer, log: &Log, filter: &Filter, found: &[&Model], what: &str) {
    let skipped = (found.len() / 3).clamp(1, 100);
    if found.len() <= skipped || found.len() > MAX_TAIL_ENTRIES {
        return;
    }
    let variables = json!({
        "organization": log.organization, "filter": filter.json, "order": "RECORDED_ASC", "first": skipped,
    });
    let page = log.admin.query(PAGE, variables).await;
    let after = &page["auditLogs"]["pageInfo"]["endCursor"];
    let mut socket: Socket = server.socket(log.admin.token.as_ref().unwrap()).await;
    let variables =
        json!({ "organization": log.organization, "filter": filter.json, "after": after });
    socket.subscribe("1", TAIL, variables).await;
    for expected in log::ids(&found[skipped..]) {
        let entry = socket.data().await;
        assert_eq!(entry["auditLogRecorded"]["node"]["id"], expected, "{what}");
    }
}

/// Suggestions for prefixes of what there is, and of what there is not.
async fn check_values(log: &Log, dice: &mut Dice) {
    for facet in ["ACTION", "RESOURCE_TYPE"] {
        let value = |row: &'_ Model| {
            if facet == "ACTION" { row.action.clone() } else { row.resource_type.clone() }
        };
        for _ in 0..VALUES_PREFIXES {
            let whole = value(dice.pick(&log.rows));
            let length = dice.between(0, whole.chars().count());
            let prefix: String = whole.chars().take(length).collect();
            let first = *dice.pick(&[1, 5, 100]);
            let begin = log.rows.iter().map(value).filter(|value| value.starts_with(&prefix));
            let begin: BTreeSet<String> = begin.collect();
            let expected: Vec<_> = begin.into_iter().take(first).collect();
            let variables = json!({
                "organization": log.organization, "facet": facet, "prefix": prefix, "first": first,
            });
            let found = log.admin.query(VALUES, variables).await;
            assert_eq!(found["auditLogValues"], json!(expected), "{facet} {prefix:?} {first}");
        }
    }
}

/// Files in each order, of filters of each kind.
async fn check_exports(log: &Log, filters: &[Filter], seed: u64) {
    let some = filters.iter().step_by(filters.len().div_ceil(EXPORTS));
    for (order, filter) in ORDERS.iter().cycle().zip(some) {
        // The log goes on: each export is recorded in it.
        let filter = filter.until(log.rows.last().unwrap().sequence);
        let request = input(&log.organization, &filter.json, order, "JSONL");
        let exported = export(&log.admin, request).await;
        let lines = std::str::from_utf8(&exported.bytes).unwrap().lines();
        let id =
            |line: &str| -> Value { serde_json::from_str::<Value>(line).unwrap()["id"].clone() };
        let ids: Vec<String> = lines.map(|line| id(line).as_str().unwrap().to_owned()).collect();
        let found: Vec<&Model> = log.rows.iter().filter(|row| filter.passes(row)).collect();
        let expected = log::ids(&log::sorted(&found, order));
        let what = format!("seed {seed}: {} {order}", filter.json);
        assert_eq!(exported.job["recordsMatched"], expected.len().to_string(), "{what}");
        assert!(ids == expected, "{what}: {}", difference(&ids, &expected));
    }
}
