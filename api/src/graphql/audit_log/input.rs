//! Inputs of the audit log. A field that is given as null is as one that is left out.

use async_graphql::{Enum, ID, InputObject};
use daybook_service::{Error, Problem, audit};

use super::types::{ActorType, AuditOutcome};
use crate::graphql::scalar::{self, Instant, Json};

/// All conditions hold together; an absent one does not filter. One filter serves the list, the
/// count, the histogram, the estimate, the export and the live tail.
#[derive(InputObject, Clone, Debug)]
pub(in crate::graphql) struct AuditLogFilter {
    /// Exactly this actor.
    actor_id: Option<String>,
    /// Exactly this e-mail address of the actor.
    actor_email: Option<String>,
    /// This kind of actor.
    actor_type: Option<ActorType>,
    /// Exact, or a prefix if it ends in `*`: `device.*` finds every action that begins with `device.`. A `*`
    /// anywhere else is an error.
    action: Option<String>,
    /// This outcome.
    outcome: Option<AuditOutcome>,
    /// Exactly this kind of resource.
    resource_type: Option<String>,
    /// Exactly this resource.
    resource_id: Option<String>,
    /// Exactly this request.
    request_id: Option<String>,
    /// At or after this `timestamp`.
    from: Option<Instant>,
    /// Before this `timestamp`.
    to: Option<Instant>,
    /// Every word occurs in the action, the actor's e-mail or name, or the resource's name or id;
    /// case-insensitive. A word is a run of letters and digits: `assign` finds `device.assign`. At most
    /// 1,000 characters and 50 different words.
    search: Option<String>,
}

impl AuditLogFilter {
    /// The filter of the argument at `root`; without one, that of all entries.
    ///
    /// # Errors
    /// An instant that can't be used.
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

/// In which order entries come.
#[derive(Enum, Copy, Clone, Debug, Default, PartialEq, Eq)]
#[graphql(remote = "audit::Order")]
pub(in crate::graphql) enum AuditLogOrder {
    /// Newest recorded first.
    #[default]
    RecordedDesc,
    /// Oldest recorded first: the log's own sequence.
    RecordedAsc,
    /// Latest to have happened first.
    TimestampDesc,
    /// Earliest to have happened first.
    TimestampAsc,
}

/// Entries to append.
#[derive(InputObject)]
pub(in crate::graphql) struct RecordAuditLogsInput {
    /// Whose log.
    pub(super) organization_id: ID,
    /// At most 1,000, appended in this order.
    pub(super) entries: Vec<AuditLogEntryInput>,
    /// Repeating it appends nothing. 1 to 200 characters.
    pub(super) idempotency_key: Option<String>,
}

/// Who did what to which resource.
#[derive(InputObject)]
pub(in crate::graphql) struct AuditLogEntryInput {
    /// When it happened; now, where it's left out.
    timestamp: Option<Instant>,
    /// Who did it.
    actor: AuditActorInput,
    /// A dotted verb, e.g. device.assign; at most 200 characters, none of them `*`, by which filters end a
    /// prefix.
    action: String,
    /// How it ended.
    #[graphql(default_with = "Some(AuditOutcome::Success)")]
    outcome: Option<AuditOutcome>,
    /// What it was done to.
    resource: AuditResourceInput,
    /// Values before and after; with `extra` at most 64 KiB of JSON, 5,000 JSON values (keys included)
    /// and 32 lists and objects within one another.
    #[graphql(default_with = "Some(Vec::new())")]
    changes: Option<Vec<FieldChangeInput>>,
    /// Circumstances.
    metadata: Option<AuditMetadataInput>,
}

/// Who did something.
#[derive(InputObject)]
pub(in crate::graphql) struct AuditActorInput {
    /// Id in the recording application; at most 200 characters.
    id: String,
    /// What kind of actor.
    #[graphql(default_with = "Some(ActorType::User)")]
    r#type: Option<ActorType>,
    /// E-mail address; at most 320 characters.
    email: Option<String>,
    /// Display name; at most 500 characters.
    name: Option<String>,
}

/// What something was done to.
#[derive(InputObject)]
pub(in crate::graphql) struct AuditResourceInput {
    /// Kind of resource, e.g. device; at most 200 characters.
    r#type: String,
    /// Id in the recording application; at most 200 characters.
    id: String,
    /// Display name; at most 500 characters.
    name: Option<String>,
}

/// A value before and after.
#[derive(InputObject)]
pub(in crate::graphql) struct FieldChangeInput {
    /// Which value; at most 200 characters.
    field: String,
    /// Before.
    old: Option<Json>,
    /// After.
    new: Option<Json>,
}

/// Circumstances of an entry.
#[derive(InputObject)]
pub(in crate::graphql) struct AuditMetadataInput {
    /// From where; at most 64 characters.
    ip_address: Option<String>,
    /// With what program; at most 1,000 characters.
    user_agent: Option<String>,
    /// In which request; at most 200 characters.
    request_id: Option<String>,
    /// Whatever else is worth keeping; bounded together with `changes`.
    extra: Option<Json>,
}

/// The entries of the argument at `root`.
///
/// # Errors
/// Instants that can't be used, the first ones by their paths.
pub(super) fn read(
    entries: Vec<AuditLogEntryInput>,
    root: &[&str],
) -> Result<Vec<audit::NewEntry>, Error> {
    let mut problems = Vec::new();
    let mut read = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let index = index.to_string();
        read.push(entry.read(&[root, &[&index]].concat(), &mut problems));
        if problems.len() >= audit::MAX_PROBLEMS {
            break;
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(Error::Refused(problems)) }
}

impl AuditLogEntryInput {
    fn read(self, path: &[&str], problems: &mut Vec<Problem>) -> audit::NewEntry {
        let Self { timestamp, actor, action, outcome, resource, changes, metadata } = self;
        audit::NewEntry {
            timestamp: scalar::read(timestamp, (path, "timestamp"), problems),
            actor: audit::Actor {
                id: actor.id,
                r#type: actor.r#type.unwrap_or(ActorType::User).into(),
                email: actor.email,
                name: actor.name,
            },
            action,
            outcome: outcome.unwrap_or(AuditOutcome::Success).into(),
            resource: audit::Resource {
                r#type: resource.r#type,
                id: resource.id,
                name: resource.name,
            },
            changes: changes.unwrap_or_default().into_iter().map(Into::into).collect(),
            metadata: metadata.map(Into::into),
        }
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
