//! The meaning of a filter, implemented a second time as a check of one row.

use std::collections::HashSet;

use chrono::{DateTime, FixedOffset};
use daybook_entity::audit_log::Model;
use daybook_tests::{Value, json};
use sea_orm::ActiveEnum;

use crate::filters::Dice;

const FIELDS: [&str; 14] = [
    "actorId",
    "actorEmail",
    "actorType",
    "action",
    "action",
    "action",
    "outcome",
    "resourceType",
    "resourceId",
    "requestId",
    "from",
    "to",
    "search",
    "search",
];

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
    ];
    filters.into_iter().map(|json| Filter { json }).collect()
}

impl Filter {
    /// Returns a random filter, mostly with one or two conditions that some row fulfils.
    pub(super) fn any(dice: &mut Dice, rows: &[Model]) -> Self {
        let mut json = json!({});
        let row = dice.pick(rows);
        for _ in 0..*dice.pick(&[0, 1, 1, 1, 2, 2, 2, 3, 4]) {
            // Of another row than the other conditions, now and then: few or none fulfil both.
            let row = if dice.one_in(4) { dice.pick(rows) } else { row };
            let field = *dice.pick(&FIELDS);
            if let Some(wanted) = any_value(dice, row, field) {
                json[field] = wanted;
            }
        }
        if let (Some(from), Some(to)) = (json.get("from"), json.get("to"))
            && micros(from) > micros(to)
        {
            // A range that ends before it begins is an error, and another test's.
            let from = json["from"].take();
            json["from"] = json["to"].take();
            json["to"] = from;
        }
        Self { json }
    }

    /// True if the row fulfils each condition.
    pub(super) fn passes(&self, row: &Model) -> bool {
        self.json.as_object().unwrap().iter().all(|(field, wanted)| {
            let text = wanted.as_str().unwrap();
            match field.as_str() {
                "actorId" => row.actor_id == text,
                "actorEmail" => row.actor_email.as_deref() == Some(text),
                "actorType" => row.actor_type.to_value() == text,
                "action" => match text.strip_suffix('*') {
                    Some(prefix) => row.action.starts_with(prefix),
                    None => row.action == text,
                },
                "outcome" => row.outcome.to_value() == text,
                "resourceType" => row.resource_type == text,
                "resourceId" => row.resource_id == text,
                "requestId" => row.request_id.as_deref() == Some(text),
                "from" => row.timestamp.timestamp_micros() >= micros(wanted),
                "to" => row.timestamp.timestamp_micros() < micros(wanted),
                "search" => words(text).is_subset(&words_of(row)),
                other => panic!("the model does not know {other}"),
            }
        })
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

/// A value of `field` that `row` fulfils; none where it has none.
fn any_value(dice: &mut Dice, row: &Model, field: &str) -> Option<Value> {
    Some(match field {
        "actorId" => json!(row.actor_id),
        "actorEmail" => json!(row.actor_email.as_ref()?),
        "actorType" => json!(row.actor_type.to_value()),
        "action" => {
            let length = dice.between(0, row.action.chars().count());
            let prefix: String = row.action.chars().take(length).collect();
            json!(if dice.one_in(3) { row.action.clone() } else { prefix + "*" })
        }
        "outcome" => json!(row.outcome.to_value()),
        "resourceType" => json!(row.resource_type),
        "resourceId" => json!(row.resource_id),
        "requestId" => json!(row.request_id.as_ref()?),
        "from" => instant(dice, row.timestamp.timestamp_micros()),
        "to" => instant(dice, row.timestamp.timestamp_micros() + 1),
        "search" => {
            let mut words: Vec<String> = words_of(row).into_iter().collect();
            words.sort();
            if words.is_empty() {
                return None;
            }
            json!(format!("{} {}", dice.pick(&words).to_uppercase(), dice.pick(&words)))
        }
        other => panic!("no row has {other}"),
    })
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
