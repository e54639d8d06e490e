//! Inputs of the audit log. A null field is the same as an absent one.

use async_graphql::{Enum, ID, InputObject};
use daybook_service::{Error, Problem, audit};

use super::types::{ActorType, AuditOutcome};
use crate::graphql::scalar::{self, Instant, Json};

/// Conditions on audit log entries. An entry must meet all of them; an absent or null condition
/// matches everything. The list, count, histogram, estimate, export and live tail take the same
/// filter.
#[derive(InputObject, Clone, Debug)]
pub(in crate::graphql) struct AuditLogFilter {
    /// Matches entries whose `actor.id` is exactly this text.
    actor_id: Option<String>,
    /// Matches entries whose `actor.email` is this text, without regard to case.
    actor_email: Option<String>,
    /// Matches entries whose `actor.type` is this type.
    actor_type: Option<ActorType>,
    /// Matches entries with exactly this `action`, or with a prefix if the text ends in `*`:
    /// `device.*` matches every action that begins with `device.`. A `*` in any other position is
    /// an error.
    action: Option<String>,
    /// Matches entries with this outcome.
    outcome: Option<AuditOutcome>,
    /// Matches entries whose `resource.type` is exactly this text.
    resource_type: Option<String>,
    /// Matches entries whose `resource.id` is exactly this text.
    resource_id: Option<String>,
    /// Matches entries whose `metadata.requestId` is exactly this text.
    request_id: Option<String>,
    /// Matches entries whose `timestamp` is at or after this time.
    from: Option<Instant>,
    /// Matches entries whose `timestamp` is before this time.
    to: Option<Instant>,
    /// Matches entries in which every word of this text occurs in the action, the actor's e-mail or
    /// name, or the resource's name or ID. Case-insensitive. A word is a run of letters and digits:
    /// `assign` matches `device.assign`. A final `*` makes a word a prefix: `assi*` matches it, too.
    /// Characters of scripts without spaces, such as Chinese or Thai, match where they stand side by
    /// side. At most 1,000 characters and 50 different words.
    search: Option<String>,
}

impl AuditLogFilter {
    /// Returns the filter of the argument at `root`, or one that matches all entries if it is
    /// absent.
    ///
    /// # Errors
    /// A time that can't be used.
    pub(in crate::graphql) fn read(
        filter: Option<Self>,
        root: &[&str],
    ) -> Result<audit::Filter, Error> {
        let Some(filter) = filter else { return Ok(audit::Filter::default()) };
        let Self {
            actor_id,
            actor_email,
            actor_type,
            action,
            outcome,
            resource_type,
            resource_id,
            request_id,
            from,
            to,
            search,
        } = filter;
        let mut problems = Vec::new();
        let from = scalar::read(from, (root, "from"), &mut problems);
        let to = scalar::read(to, (root, "to"), &mut problems);
        if !problems.is_empty() {
            return Err(Error::Refused(problems));
        }
        Ok(audit::Filter {
            actor_id,
            actor_email,
            actor_type: actor_type.map(Into::into),
            action,
            outcome: outcome.map(Into::into),
            resource_type,
            resource_id,
            request_id,
            from,
            to,
            search,
        })
    }
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
    /// What happens if entries are invalid.
    #[graphql(default_with = "Some(OnInvalid::RefuseAll)")]
    pub(super) on_invalid: Option<OnInvalid>,
    /// A key that makes the request safe to repeat: a second request with the same key appends
    /// nothing and returns the first result. 1 to 200 characters.
    pub(super) idempotency_key: Option<String>,
}

/// What happens to a recording of which some entries are invalid.
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
