//! The SQL of the log's pages and counts, for every filter, order and engine, in files that a
//! reviewer can read.
//!
//! `service/src/audit/snapshots/` has a file for each filter, or one for each engine if the
//! engines' statements differ. A heading names the lists that share the statements below it:
//! `first` and `last` begin at an end of the list, `after` and `before` at a cursor, and a segment
//! is a part of an export. Placeholders are replaced by values, `<entry>` stands for all columns of
//! an entry, and `<space>` for the first number of an organization in SQLite's index of words.
//!
//! `INSTA_UPDATE=always make test ARGS=statements_of_the_log` accepts a change.

use std::{collections::BTreeSet, fmt::Write as _};

use chrono::DateTime;
use daybook_entity::audit_log::{ActorType, AuditOutcome, Entity};
use sea_orm::{DbBackend, EntityTrait, QueryTrait, Statement};
use serde_json::json;
use uuid::Uuid;

use super::{
    ExtraCondition, Filter, Order,
    interval::Interval,
    list::{after, key, keys, lookup as lookup_of},
    range::RangePage,
    search::{FIRST_ROW_NUMBER, Lookup, SearchedIntervals},
};
use crate::page::{DEFAULT_ROWS, Direction};

const ORGANIZATION: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);
const ORDERS: [(&str, Order); 4] = [
    ("RECORDED_DESC", Order::RecordedDesc),
    ("RECORDED_ASC", Order::RecordedAsc),
    ("TIMESTAMP_DESC", Order::TimestampDesc),
    ("TIMESTAMP_ASC", Order::TimestampAsc),
];
/// The second of the cursors' entry, and its sequence.
const CURSOR: (i64, i64) = (1_770_000_500, 500);
/// The last sequence of an export.
const THROUGH: i64 = 900;
/// The sequence through which retention has removed the log.
const PRUNED_SEQUENCE: i64 = 100;
/// Number of entries in a segment of an export.
const SEGMENT_ENTRIES: u64 = 1_000;

#[test]
fn statements_of_the_log() {
    let mut names = BTreeSet::new();
    for (name, filter) in [filters(), compound_filters(), nested_filters()].concat() {
        let [sqlite, postgres] = [DbBackend::Sqlite, DbBackend::Postgres].map(|backend| {
            let mut sections = Sections::default();
            for (order_name, order) in ORDERS {
                pages(&mut sections, &filter, (order_name, order), backend);
                segments(&mut sections, &filter, (order_name, order), backend);
            }
            counts(&mut sections, &filter, backend);
            sections.text()
        });
        if sqlite == postgres {
            verify(&mut names, name, &sqlite);
        } else {
            verify(&mut names, &format!("{name}-sqlite"), &sqlite);
            verify(&mut names, &format!("{name}-postgres"), &postgres);
        }
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/audit/snapshots");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.filter(|name| name.ends_with(".snap")).collect::<BTreeSet<_>>(), names);
}

/// Returns a filter for every single field, and for the pairs of fields that are treated
/// differently from their parts.
fn filters() -> Vec<(&'static str, Filter)> {
    let text = |text: &str| vec![text.to_owned()];
    let instant = |second: i64| DateTime::from_timestamp(1_770_000_000 + second, 0);
    let any = Filter::default;
    vec![
        ("none", any()),
        ("actor-id", Filter { actor_id: text("ada"), ..any() }),
        ("actor-email", Filter { actor_email: text("ada@acme.test"), ..any() }),
        ("actor-type", Filter { actor_type: vec![ActorType::Service], ..any() }),
        ("action", Filter { action: text("device.assign"), ..any() }),
        ("action-prefix", Filter { action: text("device.*"), ..any() }),
        ("outcome", Filter { outcome: vec![AuditOutcome::Denied], ..any() }),
        ("resource-type", Filter { resource_type: text("device"), ..any() }),
        ("resource-id", Filter { resource_id: text("device-7"), ..any() }),
        ("request-id", Filter { request_id: text("request-7"), ..any() }),
        ("from", Filter { from: instant(0), ..any() }),
        ("to", Filter { to: instant(1_000), ..any() }),
        ("from-to", Filter { from: instant(0), to: instant(1_000), ..any() }),
        ("actor-id-from", Filter { actor_id: text("ada"), from: instant(0), ..any() }),
        ("action-prefix-from", Filter { action: text("device.*"), from: instant(0), ..any() }),
        ("search", Filter { search: Some("Ada's laptop".to_owned()), ..any() }),
        (
            "search-outcome",
            Filter {
                search: Some("laptop".to_owned()),
                outcome: vec![AuditOutcome::Denied],
                ..any()
            },
        ),
        ("search-from", Filter { search: Some("laptop".to_owned()), from: instant(0), ..any() }),
    ]
}

/// Returns filters with several values, and those that came with them.
fn compound_filters() -> Vec<(&'static str, Filter)> {
    let text = |text: &str| vec![text.to_owned()];
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let instant = |second: i64| DateTime::from_timestamp(1_770_000_000 + second, 0);
    let any = Filter::default;
    vec![
        ("actor-ids", Filter { actor_id: texts(&["ada", "bob"]), ..any() }),
        (
            "actor-ids-outcome",
            Filter {
                actor_id: texts(&["ada", "bob"]),
                outcome: vec![AuditOutcome::Denied],
                ..any()
            },
        ),
        ("actor-ids-from", Filter { actor_id: texts(&["ada", "bob"]), from: instant(0), ..any() }),
        ("actions", Filter { action: texts(&["device.*", "user.sign_in"]), ..any() }),
        (
            "resource",
            Filter {
                resource_type: text("device"),
                resource_id: texts(&["device-7", "device-8"]),
                ..any()
            },
        ),
        ("sequences", Filter { sequence_from: Some(200), sequence_to: Some(800), ..any() }),
        ("clock-skewed", Filter { clock_skewed: Some(true), ..any() }),
    ]
}

/// Returns filters with alternatives, and with conditions that no index serves.
fn nested_filters() -> Vec<(&'static str, Filter)> {
    let text = |text: &str| vec![text.to_owned()];
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let instant = |second: i64| DateTime::from_timestamp(1_770_000_000 + second, 0);
    let extra = ExtraCondition {
        path: "/deploy/-1/region".to_owned(),
        equals: json!({ "name": "eu", "zones": [1, 2.5] }).into(),
    };
    let any = Filter::default;
    vec![
        (
            "unindexed",
            Filter {
                ip_address: texts(&["192.0.2.7", "10.0.0.0/8"]),
                recorded_by: text("importer"),
                recorded_from: instant(0),
                recorded_to: instant(1_000),
                extra: vec![extra.clone()],
                clock_skewed: Some(false),
                ..any()
            },
        ),
        (
            "any-of",
            Filter {
                any_of: vec![
                    Filter { actor_id: texts(&["ada", "bob"]), ..any() },
                    Filter { resource_id: text("device-7"), extra: vec![extra], ..any() },
                ],
                ..any()
            },
        ),
        (
            "not",
            Filter {
                not: Some(Box::new(Filter {
                    any_of: vec![
                        Filter { actor_email: text("Ada@acme.test"), ..any() },
                        Filter { resource_type: text("device"), ..any() },
                    ],
                    ..any()
                })),
                ..any()
            },
        ),
    ]
}

/// Adds a page at each end of a list, and on each side of a cursor.
fn pages(
    sections: &mut Sections,
    filter: &Filter,
    (name, order): (&str, Order),
    backend: DbBackend,
) {
    let keyset = keys(ORGANIZATION, filter, order);
    let limit = DEFAULT_ROWS + 1;
    for (direction, end, beside) in
        [(Direction::Forward, "first", "after"), (Direction::Backward, "last", "before")]
    {
        for (is_beside, place) in [(false, end), (true, beside)] {
            let keys = if is_beside { vec![(cursor(order), direction)] } else { Vec::new() };
            let lookup = lookup_of(&keyset, ORGANIZATION, filter, keys, None);
            sections
                .add(&format!("{name} {place}"), &statements(&lookup, direction, limit, backend));
            if lookup.begins_at_start(direction) {
                let lookup = Lookup { pruned: PRUNED_SEQUENCE, ..lookup };
                sections.add(
                    &format!("{name} {place}, of a log whose start was removed"),
                    &statements(&lookup, direction, limit, backend),
                );
            }
        }
    }
}

fn statements(
    lookup: &Lookup<'_>,
    direction: Direction,
    limit: u64,
    backend: DbBackend,
) -> Vec<Statement> {
    match RangePage::of(lookup, direction, limit, backend) {
        Some(range_page) => range_page.statements(),
        None => vec![lookup.select(direction, limit, backend).build(backend)],
    }
}

/// Adds the first segment of an export, and the one after an entry.
fn segments(
    sections: &mut Sections,
    filter: &Filter,
    (name, order): (&str, Order),
    backend: DbBackend,
) {
    let keyset = keys(ORGANIZATION, filter, order);
    for (place, key) in [("first", None), ("next", Some(cursor(order)))] {
        let lookup = after(&keyset, ORGANIZATION, filter, THROUGH, key);
        let select = lookup.select(Direction::Forward, SEGMENT_ENTRIES, backend);
        sections.add(&format!("{name}, {place} segment"), &[select.build(backend)]);
    }
}

/// Adds the counts of a search: in total, and by interval.
fn counts(sections: &mut Sections, filter: &Filter, backend: DbBackend) {
    if filter.search.is_none() {
        return;
    }
    let keyset = keys(ORGANIZATION, filter, Order::default());
    let lookup = lookup_of(&keyset, ORGANIZATION, filter, Vec::new(), None);
    sections.add("count", &[backend.build(&lookup.count_of_found(&filter.words(), backend))]);
    let instants =
        [0, 600, 1_200].map(|second| DateTime::from_timestamp(1_770_000_000 + second, 0));
    let [Some(begin), Some(middle), Some(end)] = instants else { panic!("instants") };
    let intervals = vec![Interval { from: begin, to: middle }, Interval { from: middle, to: end }];
    let intervals = SearchedIntervals::new(ORGANIZATION, filter, intervals);
    let selects = intervals.statements(backend);
    let built: Vec<_> = selects.iter().map(|select| backend.build(select)).collect();
    sections.add("histogram: how many, if few by the index, if many by walks", &built);
}

fn cursor(order: Order) -> Vec<crate::page::Part> {
    let (second, sequence) = CURSOR;
    key(order, DateTime::from_timestamp(second, 0).expect("an instant"), sequence)
}

/// Statements, each under the names of all lists that send it.
#[derive(Default)]
struct Sections(Vec<(Vec<String>, String)>);

impl Sections {
    fn add(&mut self, name: &str, statements: &[Statement]) {
        let text: Vec<_> = statements.iter().map(|one| lines(&one.to_string())).collect();
        let text = text.join("\n\n");
        match self.0.iter_mut().find(|(_, other)| *other == text) {
            Some((names, _)) => names.push(name.to_owned()),
            None => self.0.push((vec![name.to_owned()], text)),
        }
    }

    fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut all, (names, text)| {
            for name in names {
                writeln!(all, "-- {name}").expect("a text takes all");
            }
            all + text + "\n\n\n"
        })
    }
}

fn verify(names: &mut BTreeSet<String>, name: &str, text: &str) {
    names.insert(format!("{name}.snap"));
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Puts each clause and condition on a line of its own, and indents subselects.
fn lines(sql: &str) -> String {
    let space = FIRST_ROW_NUMBER.replace('?', &format!("'{ORGANIZATION}'"));
    let sql = sql.replace(&entry_columns(), "<entry>").replace(&space, "<space>");
    let tokens = tokens(&sql);
    let mut out = String::new();
    // For each open parenthesis, true if it encloses a subselect.
    let mut open: Vec<bool> = Vec::new();
    let mut is_between = false;
    for (index, token) in tokens.iter().enumerate() {
        let breaks = CLAUSES.contains(token) && open.last() != Some(&false);
        if *token == ")" && open.pop() == Some(true) || breaks && !(*token == "AND" && is_between) {
            out.truncate(out.trim_end().len());
            let depth = open.iter().filter(|is_subselect| **is_subselect).count();
            out += if out.is_empty() { "" } else { "\n" };
            out += &"    ".repeat(depth);
        }
        match *token {
            "(" => open.push(matches!(tokens.get(index + 1), Some(&("SELECT" | "WITH")))),
            "BETWEEN" => is_between = true,
            "AND" => is_between = false,
            _ => {}
        }
        out += token;
    }
    out
}

/// Words that begin a line, unless they stand in parentheses without a subselect.
const CLAUSES: [&str; 11] = [
    "AND", "CROSS", "FROM", "GROUP", "INNER", "LIMIT", "ORDER", "SELECT", "UNION", "WHERE", "WITH",
];

/// Returns the words, quoted texts and other characters of `sql`, with one space for each run of
/// spaces.
fn tokens(mut sql: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    while let Some(first) = sql.chars().next() {
        let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            '\'' | '"' => sql[1..].find(first).map_or(sql.len(), |end| end + 2),
            c if is_in_word(c) => sql.find(|c| !is_in_word(c)).unwrap_or(sql.len()),
            c if c.is_whitespace() => sql.len() - sql.trim_start().len(),
            c => c.len_utf8(),
        };
        let (token, rest) = sql.split_at(length);
        tokens.push(if first.is_whitespace() { " " } else { token });
        sql = rest;
    }
    tokens
}

/// Returns the columns of an entry, as its select names them.
fn entry_columns() -> String {
    let all = Entity::find().into_query();
    let all = DbBackend::Sqlite.build(&all).to_string();
    let all = all.strip_prefix("SELECT ").and_then(|all| all.strip_suffix(r#" FROM "audit_logs""#));
    all.expect("a select of all columns").to_owned()
}
