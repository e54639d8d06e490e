//! `AuditLog` and what is in it.

use async_graphql::{Enum, ID, Object, Result, SimpleObject};
use daybook_entity::audit_log::{self, Model};
use daybook_service::{GlobalId, Scope, audit};

use crate::graphql::{
    error::to_error,
    page::ConnectionWith,
    scalar::{BigInt, Instant, Json, stored},
};

/// An entry of an organization's audit log.
pub(in crate::graphql) struct AuditLog(pub(in crate::graphql) Model);

/// An entry of an organization's audit log: who did what to which resource.
#[Object]
impl AuditLog {
    /// Global ID of the entry, an opaque text.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let Model { organization_id, sequence, id, .. } = self.0;
        GlobalId::AuditLog { organization_id, sequence, id }.to_string().into()
    }

    /// Position in the organization's log: 1, 2, 3 … without gaps, in the order in which entries
    /// became visible.
    async fn sequence(&self) -> BigInt {
        BigInt(self.0.sequence)
    }

    /// The time at which the action happened, as reported by the application that recorded it.
    async fn timestamp(&self) -> Instant {
        self.0.timestamp.into()
    }

    /// The time at which Daybook stored the entry, by the database's clock. If the clock is set back
    /// by up to an hour, entries take the preceding entry's time until it has caught up, so that
    /// times follow the order of the log. Only if a clock was wrong by more than an hour can this be
    /// earlier than the time of the preceding entry; `sequence` tells the order.
    async fn recorded_at(&self) -> Instant {
        self.0.recorded_at.into()
    }

    /// True if `timestamp` is later than `recordedAt` by more than five minutes: the clock of the
    /// application that recorded the entry is wrong.
    async fn clock_skewed(&self) -> bool {
        self.0.clock_skewed
    }

    /// Subject of the credential that recorded the entry. It can differ from the actor.
    async fn recorded_by(&self) -> &str {
        &self.0.recorded_by
    }

    /// The chain hash: SHA-256 of the chain hash of the preceding entry in the organization's log and
    /// the entry's leaf hash, in lowercase hex.
    async fn hash(&self) -> String {
        daybook_service::hex(&self.0.hash)
    }

    /// The user, service, system or agent that performed the action.
    async fn actor(&self) -> AuditActor {
        AuditActor {
            external_id: self.0.actor_id.clone(),
            r#type: self.0.actor_type.into(),
            email: self.0.actor_email.clone(),
            name: self.0.actor_name.clone(),
        }
    }

    /// The user or service for whom the actor acted. Null if it acted for itself.
    async fn on_behalf_of(&self) -> Result<Option<AuditActor>> {
        let actor = self.0.on_behalf_of.as_deref().map(stored::<audit::Actor>).transpose()?;
        Ok(actor.map(AuditActor::from))
    }

    /// Name of the action, a dotted verb such as `device.assign`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// Outcome of the action.
    async fn outcome(&self) -> AuditOutcome {
        self.0.outcome.into()
    }

    /// The resource that the action affected.
    async fn resource(&self) -> AuditResource {
        AuditResource {
            r#type: self.0.resource_type.clone(),
            external_id: self.0.resource_id.clone(),
            name: self.0.resource_name.clone(),
        }
    }

    /// Further resources that the action affected. At most 16.
    async fn related_resources(&self) -> Result<Vec<AuditResource>> {
        let related: Vec<audit::Resource> = stored(&self.0.related_resources)?;
        Ok(related.into_iter().map(AuditResource::from).collect())
    }

    /// Fields that the action changed, with their old and new values.
    async fn changes(&self) -> Result<Vec<FieldChange>> {
        let changes: Vec<audit::Change> = stored(&self.0.changes)?;
        Ok(changes.into_iter().map(FieldChange::from).collect())
    }

    /// Circumstances of the action, such as the client's IP address.
    async fn metadata(&self) -> Result<AuditMetadata> {
        Ok(AuditMetadata {
            ip_address: self.0.ip_address.clone(),
            user_agent: self.0.user_agent.clone(),
            request_id: self.0.request_id.clone(),
            extra: self.0.extra.as_deref().map(stored).transpose()?.map(Json),
        })
    }
}

/// A user, service, system or agent that performed an action, or for whom it was performed.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditActor {
    /// ID of the actor in the recording application. In Daybook's own entries it is a subject: a
    /// member, operator or API key, `os-user:NAME@HOST` for a user of the host who ran `daybook`
    /// there, or a name that begins with `daybook` for Daybook itself.
    pub(in crate::graphql) external_id: String,
    /// Type of the actor.
    pub(in crate::graphql) r#type: ActorType,
    /// E-mail address of the actor. Null if none was recorded.
    pub(in crate::graphql) email: Option<String>,
    /// Display name of the actor. Null if none was recorded.
    pub(in crate::graphql) name: Option<String>,
}

/// Type of an actor.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "audit_log::ActorType")]
pub(in crate::graphql) enum ActorType {
    /// A person, including a person who ran `daybook` on the host under a subject's name (`--as`).
    User,
    /// A program with its own credential.
    Service,
    /// The recording application itself. In Daybook's own entries: Daybook's background work, or a
    /// user of the host who ran `daybook` there, with details in `metadata.extra` (`via`, `osUser`,
    /// `host`).
    System,
    /// A program that decides by itself, such as an AI agent; mostly on behalf of a user, see
    /// `onBehalfOf`.
    Agent,
}

/// Outcome of an action.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "audit_log::AuditOutcome")]
pub(in crate::graphql) enum AuditOutcome {
    /// The action was performed.
    Success,
    /// The action was attempted and failed.
    Failure,
    /// The action was refused.
    Denied,
}

/// A resource that an action affected.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditResource {
    /// Type of the resource, such as `device`.
    r#type: String,
    /// ID of the resource in the recording application.
    external_id: String,
    /// Display name of the resource. Null if none was recorded.
    name: Option<String>,
}

impl From<audit::Actor> for AuditActor {
    fn from(audit::Actor { id, r#type, email, name }: audit::Actor) -> Self {
        Self { external_id: id, r#type: r#type.into(), email, name }
    }
}

impl From<audit::Resource> for AuditResource {
    fn from(audit::Resource { r#type, id, name }: audit::Resource) -> Self {
        Self { r#type, external_id: id, name }
    }
}

/// A field that an action changed, with its old and new value.
#[derive(SimpleObject)]
pub(in crate::graphql) struct FieldChange {
    /// Name of the changed field.
    field: String,
    /// Value before the change. Null if the field had none.
    old: Option<Json>,
    /// Value after the change. Null if the field has none.
    new: Option<Json>,
}

impl From<audit::Change> for FieldChange {
    fn from(audit::Change { field, old, new }: audit::Change) -> Self {
        Self { field, old: old.map(Json), new: new.map(Json) }
    }
}

/// Circumstances of an action.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditMetadata {
    /// IP address of the client. Null if none was recorded.
    ip_address: Option<String>,
    /// User agent of the client. Null if none was recorded.
    user_agent: Option<String>,
    /// ID of the request that performed the action. Null if none was recorded.
    request_id: Option<String>,
    /// Any other recorded details, as JSON. Null if there are none.
    extra: Option<Json>,
}

/// A page of an audit log.
pub(in crate::graphql) type AuditLogConnection = ConnectionWith<AuditLog, AuditLogTotal>;

/// Fields of a page beside its entries: the number of all matching entries, and the end of the log.
pub(in crate::graphql) struct AuditLogTotal {
    pub(super) scope: Scope,
    pub(super) filter: audit::Filter,
    /// Cursor of the log's end, read before the page if `tailCursor` is selected.
    pub(super) end: Option<String>,
}

#[Object]
impl AuditLogTotal {
    /// Cursor of the end of the log just before this page was read, even if the page is empty. Pass
    /// it to `auditLogRecorded` as `after`, with any filter, to receive everything that is recorded
    /// later. Entries that were recorded while the page was read can appear in both.
    async fn tail_cursor(&self) -> Result<&str> {
        Ok(self.end.as_deref().ok_or("failed to read the end of the log")?)
    }

    /// Exact number of entries that match the filter, on all pages. Counted only if selected.
    async fn total_count(&self) -> Result<i32> {
        let count = audit::count(&self.scope, &self.filter).await.map_err(to_error)?;
        Ok(i32::try_from(count)?)
    }
}
