//! A log of thousands of entries whose timestamps are not in the order of their sequences.

use chrono::DateTime;
use daybook_entity::{
    audit_log::{Column, Entity, Model},
    membership::Role,
};
use daybook_service::GlobalId;
use daybook_tests::{Client, TestServer, Value, json, raw_organization};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::filters::Dice;

const ENTRIES: usize = 8_200;
const ENTRIES_ELSEWHERE: usize = 42;
/// Number of entries in one recording.
const BATCH: usize = 400;
/// Unix time of 2026-01-01.
const FIRST_SECOND: i64 = 1_767_225_600;
/// Number of different instants, so few that most belong to many entries.
const INSTANTS: usize = 900;

/// Actions with shared beginnings, the common ones more than once.
const ACTIONS: [&str; 24] = [
    "user.sign_in",
    "user.sign_in",
    "user.sign_in",
    "user.sign_out",
    "user.sign_out",
    "user.create",
    "user.Create",
    "users.list",
    "user",
    "device.assign",
    "device.assign",
    "device.assigned",
    "device.",
    "Device.assign",
    "device_assign",
    "device%assign",
    "dévice.assign",
    "устройство.выдать",
    "device.\u{D7FF}",
    "device.\u{E000}",
    "device.\u{10FFFF}",
    "\u{10FFFF}",
    "_",
    "\\device\"'",
];
const NAMES: [&str; 12] =
    ["ada", "Ada", "ADA", "a_a", "a%", "%", "_", "o'brien", "é", "e\u{301}", "日本", "ada "];
const TYPES: [&str; 5] = ["USER", "USER", "SERVICE", "SYSTEM", "AGENT"];
const ADDRESSES: [&str; 12] = [
    "10.1.2.3",
    "10.1.2.4",
    "10.200.0.1",
    "::ffff:10.1.2.3",
    "192.0.2.7",
    "2001:db8::1",
    "2001:DB8:0:0::1",
    "2001:db8:8000::1",
    "fe80::1%eth0",
    "::1",
    "unknown",
    "10.1.2.3, 192.0.2.7",
];
/// JSON values. Those in one list are equal.
pub(super) const EXTRAS: [&[&str]; 15] = [
    &["1", "1.0"],
    &["-1"],
    &["\"1\""],
    &["9007199254740992"],
    &["9007199254740993"],
    &["0.1", "1e-1"],
    &["1e21"],
    &["true"],
    &["\"é\""],
    &["\"e\u{301}\""],
    &["[]"],
    &["{}"],
    &["[1,2]", "[1.0,2]"],
    &["[2,1]"],
    &["{\"a\":1,\"b\":[null,{}]}", "{\"a\":1.0,\"b\":[null,{}]}"],
];
/// Paths to such values in `extra`, some of which lead nowhere or to others.
pub(super) const PATHS: [&str; 11] = [
    "/v",
    "/v",
    "/deep/a.b~1c~0\"'",
    "/list/0",
    "/list/1",
    "/list/01",
    "/list/-1",
    "/01",
    "/-1",
    "/0",
    "/v/a",
];
const OUTCOMES: [&str; 4] = ["SUCCESS", "SUCCESS", "FAILURE", "DENIED"];
/// Words of names, the first ones common and the last ones rare.
const WORDS: [&str; 10] = [
    "laptop",
    "laptop",
    "laptop",
    "laptop",
    "Berlin",
    "berlin",
    "Zürich",
    "принтер",
    "spare",
    "gold",
];

/// An organization's log, and clients that may read it.
pub(super) struct Log {
    pub(super) organization: String,
    pub(super) admin: Client,
    /// Rows of the log, in the order of their sequences.
    pub(super) rows: Vec<Model>,
}

impl Log {
    /// Records the entries, and some like them in another organization.
    pub(super) async fn fill(server: &TestServer, dice: &mut Dice) -> Self {
        let organization = server.organization("acme").await;
        let other = server.organization("other").await;
        let admin = server.client(&organization, Role::Admin).await;
        let writer = server.client(&organization, Role::Writer).await;
        server.client(&other, Role::Admin).await;
        for first in (0..ENTRIES).step_by(BATCH) {
            let count = BATCH.min(ENTRIES - first);
            let recorder = if (first / BATCH).is_multiple_of(3) { &writer } else { &admin };
            record(recorder, &organization, dice, count).await;
            record(&admin, &other, dice, ENTRIES_ELSEWHERE / ENTRIES.div_ceil(BATCH)).await;
        }
        let db = server.database.connect().await;
        let rows = Entity::find()
            .filter(Column::OrganizationId.eq(raw_organization(&organization)))
            .order_by_asc(Column::Sequence);
        let rows = rows.all(&db).await.unwrap();
        db.close().await.unwrap();
        assert!(rows.len() >= ENTRIES);
        Self { organization, admin, rows }
    }
}

async fn record(admin: &Client, organization: &str, dice: &mut Dice, count: usize) {
    let entries: Vec<_> = (0..count).map(|_| any_entry(dice)).collect();
    let payload = admin.record_entries(organization, json!(entries)).await;
    assert_eq!(payload["userErrors"], json!([]));
}

fn any_entry(dice: &mut Dice) -> Value {
    let mut entry = json!({
        "actor": { "id": any_name(dice), "type": dice.pick(&TYPES) },
        "action": dice.pick(&ACTIONS),
        "outcome": dice.pick(&OUTCOMES),
        "resource": { "type": dice.pick(&NAMES), "id": any_name(dice) },
        "timestamp": any_instant(dice),
    });
    if dice.one_in(2) {
        let domain = dice.pick(&["acme.test", "acme.test", "Acme.Test", "ÉCOLE.test"]);
        entry["actor"]["email"] = json!(format!("{}@{domain}", any_name(dice)));
    }
    if dice.one_in(2) {
        entry["metadata"] = json!({ "requestId": format!("request {}", dice.between(0, 2_000)) });
    }
    if dice.one_in(3) {
        entry["metadata"]["ipAddress"] = json!(dice.pick(&ADDRESSES));
    }
    if dice.one_in(3) {
        entry["metadata"]["extra"] = any_extra(dice);
    }
    if dice.one_in(4) {
        let related: Vec<_> = (0..dice.between(1, 4))
            .map(|_| json!({ "type": dice.pick(&NAMES), "id": any_name(dice) }))
            .collect();
        entry["relatedResources"] = json!(related);
    }
    if dice.one_in(2) {
        entry["resource"]["name"] = json!(format!("{} {}", dice.pick(&WORDS), dice.pick(&WORDS)));
    }
    entry
}

fn any_name(dice: &mut Dice) -> String {
    if dice.one_in(2) {
        (*dice.pick(&NAMES)).to_owned()
    } else {
        format!("name-{}", dice.between(0, 200))
    }
}

fn any_extra(dice: &mut Dice) -> Value {
    if dice.one_in(5) {
        return any_json(dice);
    }
    json!({
        "v": any_json(dice),
        "deep": { "a.b/c~\"'": any_json(dice) },
        "list": [any_json(dice), any_json(dice)],
        "01": any_json(dice),
        "-1": any_json(dice),
        "0": any_json(dice),
    })
}

fn any_json(dice: &mut Dice) -> Value {
    let equal = *dice.pick(&EXTRAS);
    let text: &&str = dice.pick(equal);
    serde_json::from_str(text).unwrap()
}

/// One of some hundred instants in a month; of a third of them the next one is a microsecond later.
fn any_instant(dice: &mut Dice) -> String {
    let number = i64::try_from(dice.between(0, INSTANTS)).unwrap();
    if dice.one_in(100) {
        // A clock that goes wrong.
        return format!("2099-01-01T00:00:{:02}Z", number % 3);
    }
    let micros = FIRST_SECOND * 1_000_000 + number / 3 * 8_640_000_000 + number % 3;
    DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339()
}

/// `rows` in an order of the API.
pub(super) fn sorted<'a>(rows: &[&'a Model], order: &str) -> Vec<&'a Model> {
    let mut rows = rows.to_vec();
    let is_by_time = order.starts_with("TIMESTAMP");
    rows.sort_by_key(|row| (is_by_time.then_some(row.timestamp), row.sequence));
    if order.ends_with("DESC") {
        rows.reverse();
    }
    rows
}

/// Returns the rows' IDs in the form of the API.
pub(super) fn ids(rows: &[&Model]) -> Vec<String> {
    let id = |row: &&Model| {
        let Model { organization_id, sequence, id, .. } = **row;
        GlobalId::AuditLog { organization_id, sequence, id }.to_string()
    };
    rows.iter().map(id).collect()
}
