//! The cost of running an operation with its variables. A field costs 1, and fields below a list
//! are multiplied by the length of the list. A field for which the database may read a whole log
//! costs as much as a long page.
//!
//! Each fragment is priced once, however often it is spread. Introspection costs only 1, because the
//! size of the document bounds it and it reads no table.

use std::collections::HashMap;

use apollo_compiler::{
    ExecutableDocument, Name, Node,
    ast::Value,
    executable::{Field, Operation, Selection, SelectionSet},
};
use async_graphql::Variables;
use daybook_service::page;

use super::refusal::Refusal;

/// Assumed length of a list without pages.
const UNPAGED_LIST_LENGTH: u64 = 10;

/// Cost of a count, estimate or histogram of a log, which can read the whole index of the log.
const LOG_SCAN_COST: u64 = 1_000;
/// Cost of a search beside its page, which can examine the words of 5,000 entries.
const SEARCH: u64 = 200;
/// Cost of stepping through an index to each of a hundred values.
const DISTINCT_VALUES_COST: u64 = 100;
/// Cost of counting a shorter list: jobs, members, keys, workspaces or notes.
const SHORT_COUNT_COST: u64 = 20;

/// Checks the cost of `operation`.
///
/// # Errors
/// An operation whose cost exceeds the limit.
pub(super) fn check(
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &Variables,
    limit: u64,
) -> Result<(), Refusal> {
    let mut pricer = Pricer { document, variables, known: HashMap::new() };
    let cost = pricer.set(&operation.selection_set);
    if cost > limit {
        return Err(Refusal::costly(cost, limit));
    }
    Ok(())
}

struct Pricer<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    known: HashMap<&'a Name, u64>,
}

impl<'a> Pricer<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> u64 {
        set.selections.iter().fold(0, |sum: u64, selection| {
            sum.saturating_add(match selection {
                Selection::Field(field) => self.field(&set.ty, field),
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set),
                Selection::FragmentSpread(spread) => self.fragment(&spread.fragment_name),
            })
        })
    }

    fn fragment(&mut self, name: &'a Name) -> u64 {
        if let Some(cost) = self.known.get(name) {
            return *cost;
        }
        // Validation lets no unknown fragment and no circle of them through.
        let Some(fragment) = self.document.fragments.get(name) else { return 0 };
        let cost = self.set(&fragment.selection_set);
        self.known.insert(name, cost);
        cost
    }

    fn field(&mut self, parent: &Name, field: &'a Node<Field>) -> u64 {
        if field.name.starts_with("__") {
            return 1;
        }
        let times = self.times(parent, field);
        let below = self.set(&field.selection_set).saturating_mul(times);
        let counts = self.counts(&field.selection_set);
        below.saturating_add(1).saturating_add(counts).saturating_add(self.work(field))
    }

    /// Returns the cost of the counts beside a page, which does not depend on the length of the
    /// page.
    fn counts(&self, set: &SelectionSet) -> u64 {
        let cost = |selection: &Selection| match selection {
            Selection::Field(field) if field.name == "totalCount" => {
                if set.ty == "AuditLogConnection" { LOG_SCAN_COST } else { SHORT_COUNT_COST }
            }
            Selection::Field(_) => 0,
            Selection::InlineFragment(fragment) => self.counts(&fragment.selection_set),
            Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragments.get(&spread.fragment_name);
                fragment.map_or(0, |fragment| self.counts(&fragment.selection_set))
            }
        };
        set.selections.iter().fold(0, |sum: u64, selection| sum.saturating_add(cost(selection)))
    }

    /// Returns the cost of the database's work for a field, beside reading the rows of the answer.
    fn work(&self, field: &Field) -> u64 {
        match field.name.as_str() {
            "auditLogHistogram" | "exportEstimate" | "startExport" => LOG_SCAN_COST,
            "auditLogValues" => DISTINCT_VALUES_COST,
            "auditLogs" if self.searches(field) => SEARCH,
            _ => 0,
        }
    }

    fn searches(&self, field: &Field) -> bool {
        match field.specified_argument_by_name("filter").map(AsRef::as_ref) {
            Some(Value::Object(fields)) => fields.iter().any(|(name, value)| {
                let is_absent = match value.as_ref() {
                    Value::Null => true,
                    Value::Variable(name) => !self.is_given(name),
                    _ => false,
                };
                name == "search" && !is_absent
            }),
            Some(Value::Variable(name)) => match self.variables.get(name.as_str()) {
                Some(async_graphql::Value::Object(fields)) => {
                    fields.get("search").is_some_and(|text| *text != async_graphql::Value::Null)
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn is_given(&self, variable: &Name) -> bool {
        let value = self.variables.get(variable.as_str());
        value.is_some_and(|value| *value != async_graphql::Value::Null)
    }

    /// Returns how often the selection of a field is answered.
    fn times(&self, parent: &Name, field: &Field) -> u64 {
        let is_page = field.definition.argument_by_name("first").is_some();
        if is_page {
            let asked = ["first", "last"].iter().find_map(|name| self.number(field, name));
            return asked.unwrap_or(page::DEFAULT_ROWS).min(page::MAX_ROWS);
        }
        // The page is counted at its connection.
        let is_of_page = parent.ends_with("Connection");
        if !field.ty().is_list() || is_of_page {
            return 1;
        }
        // As many as were asked for by their IDs.
        let asked = field.specified_argument_by_name("ids").and_then(|ids| self.length(ids));
        asked.unwrap_or(UNPAGED_LIST_LENGTH).min(page::MAX_ROWS)
    }

    fn number(&self, field: &Field, argument: &str) -> Option<u64> {
        match field.specified_argument_by_name(argument)?.as_ref() {
            Value::Int(digits) => digits.as_str().parse().ok(),
            Value::Variable(name) => match self.variables.get(name.as_str())? {
                async_graphql::Value::Number(number) => number.as_u64(),
                _ => None,
            },
            _ => None,
        }
    }

    fn length(&self, value: &Value) -> Option<u64> {
        let length = match value {
            Value::List(values) => values.len(),
            Value::Variable(name) => match self.variables.get(name.as_str())? {
                async_graphql::Value::List(values) => values.len(),
                _ => 1,
            },
            _ => 1,
        };
        u64::try_from(length).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        config::DocumentLimits,
        graphql::{Documents, code, sdl},
    };

    /// The cost of an operation, found by the limit that it just keeps.
    fn cost(text: &str, variables: &serde_json::Value) -> u64 {
        let is_taken = |cost: u64| {
            let documents =
                Documents::new(&sdl(), DocumentLimits { cost, ..DocumentLimits::default() });
            let document = documents.get(text).expect("a valid document");
            match documents.request(&document, None, &variables.into()) {
                Ok(_) => true,
                Err(refusals) => {
                    assert_eq!(refusals[0].code, code::TOO_COMPLEX);
                    assert!(
                        refusals[0].message.contains(&format!("at most {cost}")),
                        "{refusals:?}"
                    );
                    false
                }
            }
        };
        let (mut taken, mut refused) = (1 << 20, 0);
        while taken - refused > 1 {
            let middle = u64::midpoint(taken, refused);
            if is_taken(middle) { taken = middle } else { refused = middle }
        }
        taken
    }

    #[test]
    fn lists_count_as_often_as_they_are_long() {
        let none = json!({});
        for (text, variables, expected) in [
            ("{ __typename }", &none, 1),
            ("{ viewer { subject email } }", &none, 3),
            ("{ viewer { memberships { role } } }", &none, 12),
            ("{ jobs(first: 3) { nodes { id } } }", &none, 7),
            ("{ jobs(last: 3) { nodes { id } totalCount } }", &none, 30),
            (
                "{ auditLogs(organizationId: 1, first: 100) { totalCount nodes { id hash } } }",
                &none,
                1_401,
            ),
            (
                "{ auditLogs(organizationId: 1, first: 9) { ...c } } fragment c on AuditLogConnection { totalCount }",
                &none,
                1_010,
            ),
            ("{ auditLogs(organizationId: 1, first: 1) { totalCount } }", &none, 1_002),
            (
                "{ auditLogs(organizationId: 1, first: 1, filter: {search: \"a\"}) { nodes { id } } }",
                &none,
                203,
            ),
            (
                "query($f: AuditLogFilter) { auditLogs(organizationId: 1, first: 1, filter: $f) { nodes { id } } }",
                &json!({ "f": { "search": "a" } }),
                203,
            ),
            (
                "{ auditLogs(organizationId: 1, first: 1, filter: {search: null}) { nodes { id } } }",
                &none,
                3,
            ),
            ("{ auditLogHistogram(organizationId: 1) { count } }", &none, 1_011),
            ("{ auditLogValues(organizationId: 1, facet: ACTION) }", &none, 101),
            (
                "{ exportEstimate(organizationId: 1, source: {auditLogs: {}}) { pieces } }",
                &none,
                1_002,
            ),
            ("{ jobs { nodes { id } } }", &none, 101),
            ("{ jobs(first: 100) { edges { node { id } } } }", &none, 301),
            ("{ jobs(first: 5000) { nodes { id } } }", &none, 201),
            ("{ jobs(first: -5) { nodes { id } } }", &none, 101),
            ("query($n: Int) { jobs(first: $n) { nodes { id } } }", &json!({ "n": 3 }), 7),
            ("query($n: Int) { jobs(first: $n) { nodes { id } } }", &none, 101),
            ("query($n: Int = 3) { jobs(first: $n) { nodes { id } } }", &none, 7),
            ("{ nodes(ids: [\"a\", \"b\"]) { id } }", &none, 3),
            ("query($i: [ID!]!) { nodes(ids: $i) { id } }", &json!({ "i": ["a", "b", "c"] }), 4),
            ("{ ...f ...f } fragment f on Query { jobs(first: 3) { nodes { id } } }", &none, 14),
            ("{ __schema { types { fields { name } } } }", &none, 1),
        ] {
            assert_eq!(cost(text, variables), expected, "{text} {variables}");
        }
    }
}
