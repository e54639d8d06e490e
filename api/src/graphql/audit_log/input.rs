//! Inputs of the audit log. A null field is the same as an absent one.

use async_graphql::{Enum, ID, InputObject};
use daybook_service::{Error, Problem, ProblemCode, audit};

use super::types::{ActorType, AuditOutcome};
use crate::graphql::scalar::{self, BigInt, Instant, Json};

/// Conditions on audit log entries. An entry must meet all of them; an absent or null condition
/// matches everything. A list of values matches entries with any of them. The list, count,
/// histogram, estimate, export and live tail take the same filter. At most 50 conditions, each value
/// of a list being one, and those of nested filters included.
#[derive(InputObject, Clone, Debug)]
pub(in crate::graphql) struct AuditLogFilter {
    /// Matches entries whose `actor.externalId` is exactly one of these texts.
    actor_id: Option<Vec<String>>,
    /// Matches entries whose `actor.email` is one of these addresses, regardless of case.
    actor_email: Option<Vec<String>>,
    /// Matches entries whose `actor.type` is one of these types.
    actor_type: Option<Vec<ActorType>>,
    /// Matches entries with exactly one of these actions, or with a prefix if the text ends in `*`:
    /// `device.*` matches every action that begins with `device.`. A `*` in any other position is
    /// an error.
    action: Option<Vec<String>>,
    /// Matches entries with one of these outcomes.
    outcome: Option<Vec<AuditOutcome>>,
    /// Matches entries with a resource, the entry's own or a related one, whose type is exactly one
    /// of these texts. Together with `resourceId`, the same resource must match both.
    resource_type: Option<Vec<String>>,
    /// Matches entries with a resource, the entry's own or a related one, whose `externalId` is
    /// exactly one of these texts.
    resource_id: Option<Vec<String>>,
    /// Matches entries whose `metadata.requestId` is exactly one of these texts.
    request_id: Option<Vec<String>>,
    /// Matches entries whose `metadata.ipAddress` is one of these addresses, or in one of these
    /// networks if the text is a CIDR prefix: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`. An
    /// address is the same in each of its spellings, and an IPv4 address the same as its IPv6 form
    /// `::ffff:192.0.2.7`.
    ip_address: Option<Vec<String>>,
    /// Matches entries whose `recordedBy` is exactly one of these texts.
    recorded_by: Option<Vec<String>>,
    /// Matches entries that have all of these values in `metadata.extra`.
    extra: Option<Vec<AuditLogExtraFilter>>,
    /// Matches entries whose `timestamp` is at or after this time.
    from: Option<Instant>,
    /// Matches entries whose `timestamp` is before this time.
    to: Option<Instant>,
    /// Matches entries whose `recordedAt` is at or after this time.
    recorded_from: Option<Instant>,
    /// Matches entries whose `recordedAt` is before this time.
    recorded_to: Option<Instant>,
    /// Matches entries whose `sequence` is this number or a higher one.
    sequence_from: Option<BigInt>,
    /// Matches entries whose `sequence` is this number or a lower one.
    sequence_to: Option<BigInt>,
    /// Matches entries with this value of `clockSkewed`.
    clock_skewed: Option<bool>,
    /// Matches entries in which every word of this text occurs in the action, the actor's e-mail or
    /// name, or the resource's name or ID. Case-insensitive. A word is a run of letters and digits:
    /// `assign` matches `device.assign`. A final `*` makes a word a prefix: `assi*` matches it, too.
    /// Characters of scripts without spaces, such as Chinese or Thai, match where they stand side by
    /// side. At most 1,000 characters and 50 different words. Not allowed within `not` and `anyOf`.
    search: Option<String>,
    /// Matches entries that this filter does not match, which includes those without a value to
    /// compare. Filters can be nested 3 deep.
    not: Option<Box<AuditLogFilter>>,
    /// Matches entries that at least one of these filters matches. Filters can be nested 3 deep.
    any_of: Option<Vec<AuditLogFilter>>,
}

/// A value in the `metadata.extra` of audit log entries.
#[derive(InputObject, Clone, Debug)]
pub(in crate::graphql) struct AuditLogExtraFilter {
    /// Place of the value, as a JSON Pointer (RFC 6901): `/deploy/region` is the field `region` of
    /// the object in the field `deploy`, `/tags/0` the first value of the list in the field `tags`.
    /// In a name, `~1` stands for `/`, and `~0` for `~`. An empty text is the whole of `extra`.
    path: String,
    /// Value that the entry must have there. Objects are compared regardless of the order of their
    /// fields, and numbers by value: 1.0 equals 1. At most 4,096 bytes of JSON.
    equals: Json,
}

impl AuditLogFilter {
    /// Returns the filter of the argument at `root`, or one that matches all entries if it is
    /// absent.
    ///
    /// # Errors
    /// A time that can't be used, or an empty list.
    pub(in crate::graphql) fn read(
        filter: Option<Self>,
        root: &[&str],
    ) -> Result<audit::Filter, Error> {
        let Some(filter) = filter else { return Ok(audit::Filter::default()) };
        let mut problems = Vec::new();
        let filter = filter.read_at(root, &mut problems);
        if problems.is_empty() { Ok(filter) } else { Err(Error::Refused(problems)) }
    }

    /// Returns this filter, and adds its problems.
    fn read_at(self, root: &[&str], problems: &mut Vec<Problem>) -> audit::Filter {
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
        let nested = |field: &[&str], filter: Self, problems: &mut _| {
            filter.read_at(&[root, field].concat(), problems)
        };
        let not = not.map(|not| Box::new(nested(&["not"], *not, problems)));
        let any_of = list(any_of, (root, "anyOf"), problems).into_iter().enumerate();
        let any_of = any_of
            .map(|(index, any)| nested(&["anyOf", &index.to_string()], any, problems))
            .collect();
        audit::Filter {
            actor_id: list(actor_id, (root, "actorId"), problems),
            actor_email: list(actor_email, (root, "actorEmail"), problems),
            actor_type: list(actor_type, (root, "actorType"), problems),
            action: list(action, (root, "action"), problems),
            outcome: list(outcome, (root, "outcome"), problems),
            resource_type: list(resource_type, (root, "resourceType"), problems),
            resource_id: list(resource_id, (root, "resourceId"), problems),
            request_id: list(request_id, (root, "requestId"), problems),
            ip_address: list(ip_address, (root, "ipAddress"), problems),
            recorded_by: list(recorded_by, (root, "recordedBy"), problems),
            extra: list(extra, (root, "extra"), problems),
            from: scalar::read(from, (root, "from"), problems),
            to: scalar::read(to, (root, "to"), problems),
            recorded_from: scalar::read(recorded_from, (root, "recordedFrom"), problems),
            recorded_to: scalar::read(recorded_to, (root, "recordedTo"), problems),
            sequence_from: sequence_from.map(|BigInt(sequence)| sequence),
            sequence_to: sequence_to.map(|BigInt(sequence)| sequence),
            clock_skewed,
            search,
            not,
            any_of,
        }
    }
}

impl From<AuditLogExtraFilter> for audit::ExtraCondition {
    fn from(AuditLogExtraFilter { path, equals: Json(equals) }: AuditLogExtraFilter) -> Self {
        Self { path, equals }
    }
}

/// Returns the values of the input field `field` under `root`, none if it is absent. An empty list
/// is a problem: it could mean every entry or none.
fn list<T: Into<U>, U>(
    given: Option<Vec<T>>,
    (root, field): (&[&str], &str),
    problems: &mut Vec<Problem>,
) -> Vec<U> {
    if given.as_ref().is_some_and(Vec::is_empty) {
        let message = "must have a value; leave the list out not to filter";
        problems.push(Problem::new(ProblemCode::Invalid, &[root, &[field]].concat(), message));
    }
    given.into_iter().flatten().map(Into::into).collect()
}

/// The order of audit log entries in a list or an export.
#[derive(Enum, Copy, Clone, Debug, Default, PartialEq, Eq)]
#[graphql(remote = "audit::Order")]
pub(in crate::graphql) enum AuditLogOrder {
    /// By `sequence`, newest first.
    #[default]
    RecordedDesc,
    /// By `sequence`, oldest first.
    RecordedAsc,
    /// By `timestamp`, latest first.
    TimestampDesc,
    /// By `timestamp`, earliest first.
    TimestampAsc,
}

/// Input of `recordAuditLogs`.
#[derive(InputObject)]
pub(in crate::graphql) struct RecordAuditLogsInput {
    /// ID of the organization in whose log the entries are recorded.
    pub(super) organization_id: ID,
    /// Entries to append, in this order. At most 1,000.
    pub(super) entries: Vec<AuditLogEntryInput>,
    /// The treatment of invalid entries.
    #[graphql(default_with = "Some(OnInvalid::RefuseAll)")]
    pub(super) on_invalid: Option<OnInvalid>,
    /// A key that makes the request safe to repeat: a second request with the same key appends
    /// nothing and returns the first result. 1 to 200 characters.
    pub(super) idempotency_key: Option<String>,
}

/// The treatment of a recording of which some entries are invalid.
#[derive(Enum, Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::graphql) enum OnInvalid {
    /// Nothing is recorded.
    #[default]
    RefuseAll,
    /// The valid entries are recorded, and the invalid ones are left out.
    Skip,
}

/// An audit log entry to record: who did what to which resource.
#[derive(InputObject)]
pub(in crate::graphql) struct AuditLogEntryInput {
    /// The time at which the action happened. The current time if absent.
    timestamp: Option<Instant>,
    /// The user, service, system or agent that performed the action.
    actor: AuditActorInput,
    /// The user or service for whom the actor acted, such as the customer of a support engineer or
    /// the user of an AI agent. Absent if it acted for itself.
    on_behalf_of: Option<AuditActorInput>,
    /// Name of the action, a dotted verb such as `device.assign`. At most 200 characters; must not
    /// contain `*`, which marks a prefix in filters.
    action: String,
    /// Outcome of the action.
    #[graphql(default_with = "Some(AuditOutcome::Success)")]
    outcome: Option<AuditOutcome>,
    /// The resource that the action affected.
    resource: AuditResourceInput,
    /// Further resources that the action affected. At most 16.
    #[graphql(default_with = "Some(Vec::new())")]
    related_resources: Option<Vec<AuditResourceInput>>,
    /// Fields that the action changed, with their old and new values. Together with
    /// `metadata.extra` at most 64 KiB of JSON, 5,000 JSON values (including keys) and 32 levels of
    /// nested lists and objects.
    #[graphql(default_with = "Some(Vec::new())")]
    changes: Option<Vec<FieldChangeInput>>,
    /// Circumstances of the action, such as the client's IP address.
    metadata: Option<AuditMetadataInput>,
}

/// A user, service, system or agent that performed an action, or for whom it was performed.
#[derive(InputObject)]
pub(in crate::graphql) struct AuditActorInput {
    /// ID of the actor in the recording application. At most 200 characters.
    id: String,
    /// Type of the actor.
    #[graphql(default_with = "Some(ActorType::User)")]
    r#type: Option<ActorType>,
    /// E-mail address of the actor. At most 320 characters.
    email: Option<String>,
    /// Display name of the actor. At most 500 characters.
    name: Option<String>,
}

/// A resource that an action affected.
#[derive(InputObject)]
pub(in crate::graphql) struct AuditResourceInput {
    /// Type of the resource, such as `device`. At most 200 characters.
    r#type: String,
    /// ID of the resource in the recording application. At most 200 characters.
    id: String,
    /// Display name of the resource. At most 500 characters.
    name: Option<String>,
}

/// A field that an action changed, with its old and new value.
#[derive(InputObject)]
pub(in crate::graphql) struct FieldChangeInput {
    /// Name of the changed field. At most 200 characters.
    field: String,
    /// Value before the change. Null or absent if the field had none.
    old: Option<Json>,
    /// Value after the change. Null or absent if the field has none.
    new: Option<Json>,
}

/// Circumstances of an action.
#[derive(InputObject)]
pub(in crate::graphql) struct AuditMetadataInput {
    /// IP address of the client. At most 64 characters.
    ip_address: Option<String>,
    /// User agent of the client. At most 1,000 characters.
    user_agent: Option<String>,
    /// ID of the request that performed the action. At most 200 characters.
    request_id: Option<String>,
    /// Any other details, as JSON. Counts toward the limits of `changes`.
    extra: Option<Json>,
}

/// Returns the entries of the argument at `root`; of an entry with times that can't be used their
/// problems, with their paths.
pub(super) fn read(entries: Vec<AuditLogEntryInput>, root: &[&str]) -> Vec<audit::Candidate> {
    let read = |(index, entry): (usize, AuditLogEntryInput)| {
        let (mut problems, index) = (Vec::new(), index.to_string());
        let entry = entry.read(&[root, &[&index]].concat(), &mut problems);
        if problems.is_empty() { Ok(entry) } else { Err(problems) }
    };
    entries.into_iter().enumerate().map(read).collect()
}

/// Returns all entries, or the first problems of those that can't be used.
///
/// # Errors
/// Problems of entries, up to the limit of problems in one answer.
pub(super) fn all(entries: Vec<audit::Candidate>) -> Result<Vec<audit::NewEntry>, Error> {
    let (mut all, mut problems) = (Vec::with_capacity(entries.len()), Vec::new());
    for entry in entries {
        match entry {
            Ok(entry) => all.push(entry),
            Err(found) => problems.extend(found),
        }
    }
    problems.truncate(audit::MAX_PROBLEMS);
    if problems.is_empty() { Ok(all) } else { Err(Error::Refused(problems)) }
}

impl AuditLogEntryInput {
    fn read(self, path: &[&str], problems: &mut Vec<Problem>) -> audit::NewEntry {
        let Self {
            timestamp,
            actor,
            on_behalf_of,
            action,
            outcome,
            resource,
            related_resources,
            changes,
            metadata,
        } = self;
        let related_resources = related_resources.unwrap_or_default();
        audit::NewEntry {
            timestamp: scalar::read(timestamp, (path, "timestamp"), problems),
            actor: actor.into(),
            on_behalf_of: on_behalf_of.map(Into::into),
            action,
            outcome: outcome.unwrap_or(AuditOutcome::Success).into(),
            resource: resource.into(),
            related_resources: related_resources.into_iter().map(Into::into).collect(),
            changes: changes.unwrap_or_default().into_iter().map(Into::into).collect(),
            metadata: metadata.map(Into::into),
        }
    }
}

impl From<AuditActorInput> for audit::Actor {
    fn from(AuditActorInput { id, r#type, email, name }: AuditActorInput) -> Self {
        Self { id, r#type: r#type.unwrap_or(ActorType::User).into(), email, name }
    }
}

impl From<AuditResourceInput> for audit::Resource {
    fn from(AuditResourceInput { r#type, id, name }: AuditResourceInput) -> Self {
        Self { r#type, id, name }
    }
}

impl From<FieldChangeInput> for audit::Change {
    fn from(FieldChangeInput { field, old, new }: FieldChangeInput) -> Self {
        Self { field, old: old.map(|Json(old)| old), new: new.map(|Json(new)| new) }
    }
}

impl From<AuditMetadataInput> for audit::Metadata {
    fn from(input: AuditMetadataInput) -> Self {
        let AuditMetadataInput { ip_address, user_agent, request_id, extra } = input;
        Self { ip_address, user_agent, request_id, extra: extra.map(|Json(extra)| extra) }
    }
}
