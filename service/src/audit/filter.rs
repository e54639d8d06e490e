//! The filter of entries, and its translation to SQL.

use chrono::{DateTime, Utc};
use daybook_entity::audit_log::{ActorType, AuditOutcome, Column};
use sea_orm::{ColumnTrait, Condition};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    comparable::folded,
    entry::optional_name,
    search::{Term, terms},
};
use crate::{Problem, ProblemCode};

/// Maximum length of a search, in characters: twice the longest name that an entry can have.
const MAX_SEARCH: usize = 1_000;
/// Maximum number of different words in a search.
const MAX_WORDS: usize = 50;

/// Filter of entries. An entry passes if it meets all conditions; an absent condition does not
/// filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Filter {
    /// The actor's id, matched exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// The actor's e-mail address, compared without regard to case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_email: Option<String>,
    /// The kind of actor.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_name")]
    pub actor_type: Option<ActorType>,
    /// The action, matched exactly, or a prefix that a final `*` ends. A `*` elsewhere is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The outcome of the action.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_name")]
    pub outcome: Option<AuditOutcome>,
    /// The kind of resource, matched exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The resource's id, matched exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// The request's id, matched exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The entry's `timestamp` is at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// The entry's `timestamp` is before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<DateTime<Utc>>,
    /// Words, each of which occurs in the action, the actor's e-mail address or name, or the
    /// resource's name or id. A final `*` makes a word a prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
}

impl Filter {
    /// True if the filter bounds the time.
    pub(super) fn has_times(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Returns the problems of the filter, by field; `root` is the path to the filter.
    #[must_use]
    pub fn problems(&self, root: &[&str]) -> Vec<Problem> {
        let Self {
            actor_id,
            actor_email,
            actor_type: _,
            action,
            outcome: _,
            resource_type,
            resource_id,
            request_id,
            from,
            to,
            search,
        } = self;
        let texts = [
            ("actorId", actor_id),
            ("actorEmail", actor_email),
            ("action", action),
            ("resourceType", resource_type),
            ("resourceId", resource_id),
            ("requestId", request_id),
            ("search", search),
        ];
        let invalid = |field: &str, message: &str| {
            Problem::new(ProblemCode::Invalid, &[root, &[field]].concat(), message)
        };
        let mut problems = Vec::new();
        for (field, text) in texts {
            match text.as_deref() {
                Some("") => {
                    problems.push(invalid(field, "must not be empty; leave it out not to filter"));
                }
                Some(text) if text.contains('\0') => {
                    problems.push(invalid(field, "must not contain a NUL character"));
                }
                Some(_) | None => {}
            }
        }
        if action
            .as_deref()
            .is_some_and(|action| action.strip_suffix('*').unwrap_or(action).contains('*'))
        {
            let message = "must have a `*` at its end only: `device.*` finds every action that begins \
                           with `device.`";
            problems.push(invalid("action", message));
        }
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            problems.push(invalid("to", "must not be before `from`"));
        }
        if let Some((code, message)) = search.as_deref().and_then(problem_of_search) {
            problems.push(Problem::new(code, &[root, &["search"]].concat(), message));
        }
        problems
    }

    /// Returns the words that the filter searches for; empty if it has no search.
    pub(super) fn words(&self) -> Vec<Term> {
        self.search.as_deref().map(terms).unwrap_or_default().into_iter().collect()
    }

    /// True if the filter has no condition but a search.
    pub(super) fn is_search_only(&self) -> bool {
        Self { search: None, ..self.clone() } == Self::default()
    }

    /// Returns the SQL conditions on one organization's log, except the search.
    #[must_use]
    pub(super) fn condition(&self, organization_id: Uuid) -> Condition {
        let equal =
            |column: Column, text: &Option<String>| text.as_ref().map(|text| column.eq(text));
        Condition::all()
            .add(Column::OrganizationId.eq(organization_id))
            .add_option(equal(Column::ActorId, &self.actor_id))
            .add_option(
                self.actor_email.as_deref().map(|email| Column::ActorEmailFolded.eq(folded(email))),
            )
            .add_option(self.actor_type.map(|kind| Column::ActorType.eq(kind)))
            .add_option(self.action.as_deref().map(action))
            .add_option(self.outcome.map(|outcome| Column::Outcome.eq(outcome)))
            .add_option(equal(Column::ResourceType, &self.resource_type))
            .add_option(equal(Column::ResourceId, &self.resource_id))
            .add_option(equal(Column::RequestId, &self.request_id))
            .add_option(self.from.map(|from| Column::Timestamp.gte(from)))
            .add_option(self.to.map(|to| Column::Timestamp.lt(to)))
    }
}

/// Returns the problem of a search, if any. Lengths are limited because each word costs work.
fn problem_of_search(text: &str) -> Option<(ProblemCode, String)> {
    let length = text.chars().count();
    if length > MAX_SEARCH {
        let message = format!("must have at most {MAX_SEARCH} characters, has {length}");
        return Some((ProblemCode::TooLarge, message));
    }
    match terms(text).len() {
        // An empty text and a NUL are already reported.
        0 if text.is_empty() || text.contains('\0') => None,
        0 => {
            let message = "must have a letter or a digit: nothing else is looked for";
            Some((ProblemCode::Invalid, message.to_owned()))
        }
        count if count > MAX_WORDS => {
            let message = format!("must have at most {MAX_WORDS} different words, has {count}");
            Some((ProblemCode::TooLarge, message))
        }
        _ => None,
    }
}

/// Returns the condition on the action. A range replaces LIKE, which would escape `%` and `_`
/// differently, ignore case on SQLite only, and not use the index for a bound value.
fn action(pattern: &str) -> Condition {
    let Some(prefix) = pattern.strip_suffix('*') else {
        return Condition::all().add(Column::Action.eq(pattern));
    };
    let range = Condition::all().add(Column::Action.gte(prefix));
    match after_prefix(prefix) {
        Some(end) => range.add(Column::Action.lt(end)),
        None => range,
    }
}

/// Returns the first text, in byte order, after all that begin with `prefix`; `None` if there is
/// none.
pub(super) fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // Skips the surrogates, which are not characters.
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::after_prefix;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prefix_range_holds_what_begins_with_it_and_nothing_else(prefix: String, other: String) {
            let is_in_range = other >= prefix && after_prefix(&prefix).is_none_or(|end| other < end);
            prop_assert_eq!(is_in_range, other.starts_with(&prefix));
            let longer = format!("{prefix}{other}");
            prop_assert!(longer >= prefix && after_prefix(&prefix).is_none_or(|end| longer < end));
        }
    }
}
