//! The fields of a filter.

use chrono::{DateTime, Utc};
use daybook_entity::audit_log::{ActorType, AuditOutcome};
use serde::{Deserialize, Serialize};

use crate::{
    JsonText,
    audit::{
        entry::names,
        search::{Term, terms},
    },
};

/// Filter of entries. An entry passes if it meets all conditions; an absent or empty one does not
/// filter. A list of values is met by any of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Filter {
    /// The actor's id, matched exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actor_id: Vec<String>,
    /// The actor's e-mail address, matched without regard to case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actor_email: Vec<String>,
    /// The kind of actor.
    #[serde(skip_serializing_if = "Vec::is_empty", with = "names")]
    pub actor_type: Vec<ActorType>,
    /// The action, matched exactly, or a prefix that a final `*` ends. A `*` elsewhere is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action: Vec<String>,
    /// The outcome of the action.
    #[serde(skip_serializing_if = "Vec::is_empty", with = "names")]
    pub outcome: Vec<AuditOutcome>,
    /// The kind of a resource of the entry, its own or a related one, matched exactly. If an id is
    /// given too, both must be those of the same resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_type: Vec<String>,
    /// The id of a resource of the entry, its own or a related one, matched exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_id: Vec<String>,
    /// The request's id, matched exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_id: Vec<String>,
    /// The client's IP address: an address, or the network of a CIDR prefix.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_address: Vec<String>,
    /// The subject of the credential that recorded the entry, matched exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recorded_by: Vec<String>,
    /// Values in the entry's `extra`, all of which it must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<ExtraCondition>,
    /// The entry's `timestamp` is at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// The entry's `timestamp` is before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<DateTime<Utc>>,
    /// The entry was recorded at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_from: Option<DateTime<Utc>>,
    /// The entry was recorded before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_to: Option<DateTime<Utc>>,
    /// The entry's sequence is this one or a later one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_from: Option<i64>,
    /// The entry's sequence is this one or an earlier one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_to: Option<i64>,
    /// True for entries whose `timestamp` is later than their recording, false for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skewed: Option<bool>,
    /// Words, each of which occurs in the action, the actor's e-mail address or name, or the
    /// resource's name or id. A final `*` makes a word a prefix. Not allowed in `not` and `any_of`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// A filter that the entry must not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Filter>>,
    /// Filters of which the entry must pass at least one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<Filter>,
}

/// A value that an entry's `extra` has at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraCondition {
    /// The place, as a JSON Pointer (RFC 6901).
    pub path: String,
    /// The value. Objects are equal regardless of the order of their fields, and numbers by value.
    pub equals: JsonText,
}

impl Filter {
    /// True if the filter bounds the time.
    pub(in crate::audit) fn has_times(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// True if the filter has no condition.
    pub(in crate::audit) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True if the filter asks for a resource.
    pub(in crate::audit) fn has_resource(&self) -> bool {
        !self.resource_type.is_empty() || !self.resource_id.is_empty()
    }

    /// True if the filter has no conditions but those on a resource.
    pub(in crate::audit) fn is_resource_only(&self) -> bool {
        let mut rest = self.clone();
        (rest.resource_type, rest.resource_id) = (Vec::new(), Vec::new());
        rest.is_empty()
    }

    /// True if the filter or one of its alternatives asks for a resource.
    pub(in crate::audit) fn mentions_resource(&self) -> bool {
        self.has_resource() || self.any_of.iter().any(Self::mentions_resource)
    }

    /// True if one of the actions is a prefix.
    pub(in crate::audit) fn has_action_prefix(&self) -> bool {
        self.action.iter().any(|action| is_prefix(action))
    }

    /// Returns the words that the filter searches for; empty if it has no search.
    pub(in crate::audit) fn words(&self) -> Vec<Term> {
        self.search.as_deref().map(terms).unwrap_or_default().into_iter().collect()
    }

    /// True if the filter has no condition but a search.
    pub(in crate::audit) fn is_search_only(&self) -> bool {
        Self { search: None, ..self.clone() }.is_empty()
    }

    /// Returns the number of conditions, including those of nested filters. Each value of a list is
    /// a condition.
    pub(in crate::audit) fn conditions(&self) -> usize {
        let Self {
            actor_id,
            actor_email,
            actor_type,
            action,
            outcome,
            resource_type,
            resource_id,
            request_id,
            ip_address,
            recorded_by,
            extra,
            from,
            to,
            recorded_from,
            recorded_to,
            sequence_from,
            sequence_to,
            clock_skewed,
            search,
            not,
            any_of,
        } = self;
        let texts = [actor_id, actor_email, action, resource_type, resource_id, request_id];
        let times = [from, to, recorded_from, recorded_to];
        let sequences = [sequence_from, sequence_to];
        texts.into_iter().chain([ip_address, recorded_by]).map(Vec::len).sum::<usize>()
            + actor_type.len()
            + outcome.len()
            + extra.len()
            + times.into_iter().filter(|time| time.is_some()).count()
            + sequences.into_iter().filter(|sequence| sequence.is_some()).count()
            + usize::from(clock_skewed.is_some())
            + usize::from(search.is_some())
            + not.iter().map(|not| not.conditions()).sum::<usize>()
            + any_of.iter().map(Self::conditions).sum::<usize>()
    }
}

/// True if an action of a filter is a prefix.
pub(in crate::audit) fn is_prefix(action: &str) -> bool {
    action.ends_with('*')
}
