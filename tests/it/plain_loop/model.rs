//! The meaning of a filter, implemented a second time as a check of one row.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
};

use chrono::{DateTime, FixedOffset};
use daybook_entity::audit_log::Model;
use daybook_tests::{Value, json};
use sea_orm::ActiveEnum;
use serde_json::value::RawValue;

use super::log::{EXTRAS, PATHS};
use crate::filters::Dice;

const FIELDS: [&str; 26] = [
    "actorId",
    "actorEmail",
    "actorType",
    "action",
    "action",
    "action",
    "outcome",
    "resourceType",
    "resourceType",
    "resourceId",
    "resourceId",
    "requestId",
    "ipAddress",
    "recordedBy",
    "extra",
    "extra",
    "from",
    "to",
    "recordedFrom",
    "recordedTo",
    "sequenceFrom",
    "sequenceTo",
    "clockSkewed",
    "not",
    "anyOf",
    "anyOf",
];
/// Pairs of a lower and an upper bound.
const RANGES: [(&str, &str); 3] =
    [("from", "to"), ("recordedFrom", "recordedTo"), ("sequenceFrom", "sequenceTo")];
/// Maximum number of conditions of a random filter. The API allows one more, which [`Filter::until`]
/// may add.
const MAX_CONDITIONS: usize = 49;
/// Maximum depth of nested filters, as the API has it.
const MAX_DEPTH: usize = 3;

/// A filter as it is given to the API.
pub(super) struct Filter {
    pub(super) json: Value,
}

/// Returns filters that find thousands by a range without an index in the list's order, for which a page is
/// hardest to find, and filters at the edges.
pub(super) fn fixed_filters() -> Vec<Filter> {
    let filters = [
        json!({ "action": "user.*" }),
        json!({ "from": "2026-01-03T00:00:00Z", "to": "2026-01-11T00:00:00.000001Z" }),
        json!({ "action": "device*", "from": "2026-01-02T00:00:00.000002Z" }),
        json!({ "search": "laptop", "action": "*" }),
        json!({ "action": ["user.*", "device.assign", "device.*", "user.sign_in"] }),
        json!({ "resourceType": ["ada", "Ada"] }),
        json!({ "resourceType": ["ada", "日本"], "resourceId": ["ada", "a%", "name-7"] }),
        json!({ "actorEmail": ["ADA@acme.test", "é@école.test"], "outcome": ["SUCCESS", "DENIED"] }),
        json!({ "actorId": ["ada", "Ada", "ada"], "sequenceFrom": "1000", "sequenceTo": "7000" }),
        json!({ "sequenceFrom": "2000", "sequenceTo": "4000" }),
        json!({ "clockSkewed": true }),
        json!({ "not": { "anyOf": [{ "actorEmail": "ada@acme.test" }, { "requestId": "request 7" }] } }),
        json!({ "anyOf": [{ "actorId": "ada" }, { "resourceId": ["ada", "a_a"] }, { "outcome": "DENIED" }] }),
        json!({ "search": "laptop", "resourceType": ["ada", "a%"], "not": { "ipAddress": "10.0.0.0/8" } }),
        json!({ "ipAddress": ["10.1.0.0/16", "2001:db8::/33", "::1"], "recordedBy": ["writer", "admin"] }),
    ];
    filters.into_iter().map(|json| Filter { json }).collect()
}

impl Filter {
    /// Returns a random filter, mostly with one or two conditions that some row fulfils.
    pub(super) fn any(dice: &mut Dice, rows: &[Model]) -> Self {
        let fields = *dice.pick(&[0, 1, 1, 1, 2, 2, 2, 3, 4]);
        let mut left = *dice.pick(&[6, 12, MAX_CONDITIONS]);
        let mut json = any_filter(dice, rows, fields, 0, &mut left);
        if dice.one_in(6) && left > 0 {
            let row = dice.pick(rows);
            json["search"] = any_search(dice, row).unwrap_or(json!("laptop"));
        }
        Self { json }
    }

    /// Returns the filter for entries up to this sequence.
    pub(super) fn until(&self, sequence: i64) -> Self {
        let mut json = self.json.clone();
        let last = json.get("sequenceTo").map_or(sequence, |to| number(to).min(sequence));
        json["sequenceTo"] = json!(last.to_string());
        Self { json }
    }

    /// True if the row fulfils each condition.
    pub(super) fn passes(&self, row: &Model) -> bool {
        passes(&self.json, row)
    }

    /// Returns the range of the filter's histogram, in microseconds.
    pub(super) fn bounds(&self, found: &[&Model]) -> Option<(i64, i64)> {
        let times = || found.iter().map(|row| row.timestamp.timestamp_micros());
        let given = |field: &str| self.json.get(field).map(micros);
        let from = given("from").or_else(|| times().min())?;
        let to = given("to").or_else(|| times().max().map(|last| last + 1))?;
        (from < to).then_some((from, to))
    }
}

/// Returns a filter with some fields, nested in `depth` others, and at most `left` conditions.
fn any_filter(
    dice: &mut Dice,
    rows: &[Model],
    fields: usize,
    depth: usize,
    left: &mut usize,
) -> Value {
    let mut json = json!({});
    let row = dice.pick(rows);
    for _ in 0..fields {
        // Of another row than the other conditions, now and then: few or none fulfil both.
        let row = if dice.one_in(4) { dice.pick(rows) } else { row };
        let field = *dice.pick(&FIELDS);
        if json.get(field).is_some() || *left == 0 {
            continue;
        }
        let wanted = match field {
            "not" if depth < MAX_DEPTH => nested(dice, rows, depth, left),
            "anyOf" if depth < MAX_DEPTH => {
                let count = dice.between(1, 4);
                let any: Vec<_> =
                    (0..count).filter_map(|_| nested(dice, rows, depth, left)).collect();
                (!any.is_empty()).then(|| json!(any))
            }
            "not" | "anyOf" => None,
            _ => any_values(dice, rows, row, field, left),
        };
        if let Some(wanted) = wanted {
            json[field] = wanted;
        }
    }
    for (from, to) in RANGES {
        // A range that ends before it begins is an error, and another test's.
        if let (Some(one), Some(other)) = (json.get(from), json.get(to))
            && number(one) > number(other)
        {
            let one = json[from].take();
            json[from] = json[to].take();
            json[to] = one;
        }
    }
    json
}

fn nested(dice: &mut Dice, rows: &[Model], depth: usize, left: &mut usize) -> Option<Value> {
    let fields = dice.between(1, 3);
    let nested = any_filter(dice, rows, fields, depth + 1, left);
    nested.as_object().is_some_and(|fields| !fields.is_empty()).then_some(nested)
}

/// Returns one value of `field`, or a list of some, which `row` or others fulfil; none if `row` has
/// none.
fn any_values(
    dice: &mut Dice,
    rows: &[Model],
    row: &Model,
    field: &str,
    left: &mut usize,
) -> Option<Value> {
    let is_single =
        RANGES.iter().any(|(from, to)| field == *from || field == *to) || field == "clockSkewed";
    let first = any_value(dice, row, field)?;
    *left -= 1;
    if is_single || dice.one_in(2) {
        return Some(first);
    }
    let mut values = vec![first];
    let more = if field == "extra" { 1 } else { *dice.pick(&[0, 1, 2, 5, 30]) };
    for _ in 0..more {
        let row = dice.pick(rows);
        let value = any_value(dice, row, field);
        if let Some(value) = value.filter(|_| *left > 0) {
            values.push(value);
            *left -= 1;
        }
    }
    Some(json!(values))
}

/// A value of `field` that `row` fulfils; none if it has none.
fn any_value(dice: &mut Dice, row: &Model, field: &str) -> Option<Value> {
    Some(match field {
        "actorId" => json!(row.actor_id),
        "actorEmail" => {
            let email = row.actor_email.as_ref()?;
            json!(if dice.one_in(2) { email.to_uppercase() } else { email.clone() })
        }
        "actorType" => json!(row.actor_type.to_value()),
        "action" => {
            let length = dice.between(0, row.action.chars().count());
            let prefix: String = row.action.chars().take(length).collect();
            json!(if dice.one_in(2) { row.action.clone() } else { prefix + "*" })
        }
        "outcome" => json!(row.outcome.to_value()),
        "resourceType" => json!(dice.pick(&resources(row)).0),
        "resourceId" => json!(dice.pick(&resources(row)).1),
        "requestId" => json!(row.request_id.as_ref()?),
        "ipAddress" => {
            let address: IpAddr = row.ip_address.as_ref()?.parse().ok()?;
            let bits = dice.between(0, if address.is_ipv4() { 32 } else { 128 });
            json!(if dice.one_in(2) { address.to_string() } else { format!("{address}/{bits}") })
        }
        "recordedBy" => json!(row.recorded_by),
        "extra" => {
            let path = *dice.pick(&PATHS);
            let found = value_at(row.extra.as_deref()?, path);
            let class = found.and_then(|value| class(&value));
            let class = class.unwrap_or_else(|| dice.between(0, EXTRAS.len() - 1));
            let equals: &&str = dice.pick(EXTRAS[class]);
            let equals: Value = serde_json::from_str(equals).unwrap();
            json!({ "path": path, "equals": equals })
        }
        "from" => instant(dice, row.timestamp.timestamp_micros()),
        "to" => instant(dice, row.timestamp.timestamp_micros() + 1),
        "recordedFrom" => instant(dice, row.recorded_at.timestamp_micros()),
        "recordedTo" => instant(dice, row.recorded_at.timestamp_micros() + 1),
        "sequenceFrom" | "sequenceTo" => json!(row.sequence.to_string()),
        "clockSkewed" => json!(row.clock_skewed || dice.one_in(4)),
        other => panic!("no row has {other}"),
    })
}

fn any_search(dice: &mut Dice, row: &Model) -> Option<Value> {
    let mut words: Vec<String> = words_of(row).into_iter().collect();
    words.sort();
    if words.is_empty() {
        return None;
    }
    Some(json!(format!("{} {}", dice.pick(&words).to_uppercase(), dice.pick(&words))))
}

fn passes(filter: &Value, row: &Model) -> bool {
    let fields = filter.as_object().unwrap();
    let is_any = |wanted: &Value, is: &dyn Fn(&str) -> bool| match wanted {
        Value::Array(values) => values.iter().any(|value| is(value.as_str().unwrap())),
        value => is(value.as_str().unwrap()),
    };
    let all_of = |wanted: &Value, is: &dyn Fn(&Value) -> bool| match wanted {
        Value::Array(values) => values.iter().all(is),
        value => is(value),
    };
    // Type and ID must be those of one resource.
    let has_resource = resources(row).into_iter().any(|(r#type, id)| {
        fields.get("resourceType").is_none_or(|wanted| is_any(wanted, &|text| text == r#type))
            && fields.get("resourceId").is_none_or(|wanted| is_any(wanted, &|text| text == id))
    });
    fields.iter().all(|(field, wanted)| match field.as_str() {
        "actorId" => is_any(wanted, &|text| row.actor_id == text),
        "actorEmail" => is_any(wanted, &|text| {
            let email = row.actor_email.as_ref().map(|email| email.to_lowercase());
            email == Some(text.to_lowercase())
        }),
        "actorType" => is_any(wanted, &|text| row.actor_type.to_value() == text),
        "action" => is_any(wanted, &|text| match text.strip_suffix('*') {
            Some(prefix) => row.action.starts_with(prefix),
            None => row.action == text,
        }),
        "outcome" => is_any(wanted, &|text| row.outcome.to_value() == text),
        "resourceType" | "resourceId" => has_resource,
        "requestId" => is_any(wanted, &|text| row.request_id.as_deref() == Some(text)),
        "ipAddress" => is_any(wanted, &|text| is_within(row.ip_address.as_deref(), text)),
        "recordedBy" => is_any(wanted, &|text| row.recorded_by == text),
        "extra" => all_of(wanted, &|extra| {
            let found = row.extra.as_deref();
            let found = found.and_then(|json| value_at(json, extra["path"].as_str().unwrap()));
            found.is_some_and(|value| {
                class(&value).is_some() && class(&value) == class(&extra["equals"].to_string())
            })
        }),
        "from" => row.timestamp.timestamp_micros() >= micros(wanted),
        "to" => row.timestamp.timestamp_micros() < micros(wanted),
        "recordedFrom" => row.recorded_at.timestamp_micros() >= micros(wanted),
        "recordedTo" => row.recorded_at.timestamp_micros() < micros(wanted),
        "sequenceFrom" => row.sequence >= number(wanted),
        "sequenceTo" => row.sequence <= number(wanted),
        "clockSkewed" => *wanted == row.clock_skewed,
        "search" => words(wanted.as_str().unwrap()).is_subset(&words_of(row)),
        "not" => !passes(wanted, row),
        "anyOf" => wanted.as_array().unwrap().iter().any(|filter| passes(filter, row)),
        other => panic!("the model does not know {other}"),
    })
}

/// Types and IDs of the row's own resource and the related ones.
fn resources(row: &Model) -> Vec<(String, String)> {
    let related: Vec<Value> = serde_json::from_str(&row.related_resources).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all = vec![(row.resource_type.clone(), row.resource_id.clone())];
    all.extend(related.iter().map(|resource| (text(&resource["type"]), text(&resource["id"]))));
    all
}

/// True if an address is `network`, or in it.
fn is_within(address: Option<&str>, network: &str) -> bool {
    let bits = |address: &str| -> Option<u128> {
        Some(match address.split('%').next()?.parse().ok()? {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        })
    };
    let (base, length) = network.split_once('/').unwrap_or((network, "128"));
    let is_short = network.contains('/') && !base.contains(':');
    let length = length.parse::<u32>().unwrap() + if is_short { 96 } else { 0 };
    let shift = |bits: u128| bits.checked_shr(128 - length).unwrap_or(0);
    address.and_then(bits).is_some_and(|address| shift(address) == shift(bits(base).unwrap()))
}

/// The text of the value at one of [`PATHS`].
fn value_at(json: &str, path: &str) -> Option<String> {
    let mut place = json.to_owned();
    for step in path.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        place = if place.starts_with('{') {
            let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&place).unwrap();
            fields.remove(&step)?.get().to_owned()
        } else if place.starts_with('[') {
            let values: Vec<Box<RawValue>> = serde_json::from_str(&place).unwrap();
            let index = ["0", "1"].iter().position(|index| **index == step)?;
            values.get(index)?.get().to_owned()
        } else {
            return None;
        };
    }
    Some(place)
}

/// The number of the values that equal this one.
fn class(json: &str) -> Option<usize> {
    let printed = |text: &str| serde_json::from_str::<Value>(text).unwrap().to_string();
    EXTRAS.iter().position(|equal| equal.iter().any(|text| *text == json || printed(text) == json))
}

/// Returns a bound for comparison with the other bound of its range.
fn number(bound: &Value) -> i64 {
    bound.as_str().unwrap().parse().unwrap_or_else(|_| micros(bound))
}

/// That instant or one beside it, at any offset.
fn instant(dice: &mut Dice, micros: i64) -> Value {
    let micros = micros + *dice.pick(&[-1, 0, 0, 0, 1]);
    let offset = FixedOffset::east_opt(*dice.pick(&[0, 19_800, -43_200])).unwrap();
    json!(DateTime::from_timestamp_micros(micros).unwrap().with_timezone(&offset).to_rfc3339())
}

/// Microseconds since 1970.
pub(super) fn micros(instant: &Value) -> i64 {
    DateTime::parse_from_rfc3339(instant.as_str().unwrap()).unwrap().timestamp_micros()
}

/// Returns the words of a row that a search considers.
fn words_of(row: &Model) -> HashSet<String> {
    let texts = [
        Some(&row.action),
        row.actor_email.as_ref(),
        row.actor_name.as_ref(),
        row.resource_name.as_ref(),
        Some(&row.resource_id),
    ];
    texts.into_iter().flatten().flat_map(|text| words(text)).collect()
}

/// Runs of letters and digits in lower case. Characters that need more than that have tests of their own
/// and stand in no text that is searched here, but for those that are put into one form first.
fn words(text: &str) -> HashSet<String> {
    let text = text.replace("e\u{301}", "é").to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words
        .flat_map(|word| match word {
            "日本" => ["日", "本", "日本"].map(str::to_owned).into(),
            word => vec![word.to_owned()],
        })
        .collect()
}
