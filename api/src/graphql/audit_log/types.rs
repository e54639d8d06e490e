//! `AuditLog` and what is in it.

use async_graphql::{Enum, ID, Object, Result, SimpleObject};
use daybook_entity::audit_log::{self, Model};
use daybook_service::{GlobalId, Scope, audit};

use crate::graphql::{
    error::to_error,
    page::ConnectionWith,
    scalar::{BigInt, Instant, Json},
};

/// An entry of an organization's audit log.
pub(in crate::graphql) struct AuditLog(pub(in crate::graphql) Model);

/// An entry of an organization's audit log: who did what to which resource.
#[Object]
impl AuditLog {
    /// Opaque and typed.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let Model { organization_id, sequence, id, .. } = self.0;
        GlobalId::AuditLog { organization_id, sequence, id }.to_string().into()
    }

    /// Position in the organization's log: 1, 2, 3 … without gaps, in the order in which entries
    /// became visible.
    async fn sequence(&self) -> BigInt {
        BigInt(self.0.sequence)
    }

    /// When it happened, said by whoever recorded it.
    async fn timestamp(&self) -> Instant {
        self.0.timestamp.into()
    }

    /// The time at which Daybook stored the entry, by the database's clock. Never before that of the
    /// preceding entry: while the clock is behind, the preceding entry's time is taken.
    async fn recorded_at(&self) -> Instant {
        self.0.recorded_at.into()
    }

    /// The subject of the credential that recorded it, whoever the entry says acted.
    async fn recorded_by(&self) -> &str {
        &self.0.recorded_by
    }

    /// Lower-case hex SHA-256 of this entry chained to the one before it in the organization's log.
    async fn hash(&self) -> String {
        daybook_service::hex(&self.0.hash)
    }

    /// Who did it.
    async fn actor(&self) -> AuditActor {
        AuditActor {
            id: self.0.actor_id.clone(),
            r#type: self.0.actor_type.into(),
            email: self.0.actor_email.clone(),
            name: self.0.actor_name.clone(),
        }
    }

    /// A dotted verb, e.g. device.assign.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// How it ended.
    async fn outcome(&self) -> AuditOutcome {
        self.0.outcome.into()
    }

    /// What it was done to.
    async fn resource(&self) -> AuditResource {
        AuditResource {
            r#type: self.0.resource_type.clone(),
            id: self.0.resource_id.clone(),
            name: self.0.resource_name.clone(),
        }
    }

    /// Values before and after.
    async fn changes(&self) -> Result<Vec<FieldChange>> {
        let Json(changes) = Json::stored(&self.0.changes)?;
        let changes: Vec<audit::Change> = serde_json::from_value(changes)?;
        Ok(changes.into_iter().map(FieldChange::from).collect())
    }

    /// Circumstances.
    async fn metadata(&self) -> Result<AuditMetadata> {
        Ok(AuditMetadata {
            ip_address: self.0.ip_address.clone(),
            user_agent: self.0.user_agent.clone(),
            request_id: self.0.request_id.clone(),
            extra: self.0.extra.as_deref().map(Json::stored).transpose()?,
        })
    }
}

/// Who did something.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditActor {
    /// ID in the recording application. In Daybook's own entries it is a subject: a member, operator or
    /// API key, `os-user:NAME@HOST` for a user of the host who ran `daybook` there, or a name that
    /// begins with `daybook` for Daybook itself.
    pub(in crate::graphql) id: String,
    /// The kind of actor.
    pub(in crate::graphql) r#type: ActorType,
    /// E-mail address.
    pub(in crate::graphql) email: Option<String>,
    /// Display name.
    pub(in crate::graphql) name: Option<String>,
}

/// What kind of actor.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "audit_log::ActorType")]
pub(in crate::graphql) enum ActorType {
    /// A person. Also whoever ran `daybook` on the host in a subject's name (`--as`).
    User,
    /// A program with its own credential.
    Service,
    /// The application itself. In Daybook's own entries: Daybook's background work, or a user of the
    /// host who ran `daybook` there, whose entries say so in `metadata.extra` (`via`, `osUser`, `host`).
    System,
}

/// How an action ended.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "audit_log::AuditOutcome")]
pub(in crate::graphql) enum AuditOutcome {
    /// It was done.
    Success,
    /// It was tried and failed.
    Failure,
    /// It was refused.
    Denied,
}

/// What something was done to.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditResource {
    /// Kind of resource, e.g. device.
    r#type: String,
    /// Id in the recording application.
    id: String,
    /// Display name.
    name: Option<String>,
}

/// A value before and after.
#[derive(SimpleObject)]
pub(in crate::graphql) struct FieldChange {
    /// Which value.
    field: String,
    /// Before; null where there was none.
    old: Option<Json>,
    /// After; null where there is none any more.
    new: Option<Json>,
}

impl From<audit::Change> for FieldChange {
    fn from(audit::Change { field, old, new }: audit::Change) -> Self {
        Self { field, old: old.map(Json), new: new.map(Json) }
    }
}

/// Circumstances of an entry.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditMetadata {
    /// From where.
    ip_address: Option<String>,
    /// With what program.
    user_agent: Option<String>,
    /// In which request.
    request_id: Option<String>,
    /// Whatever else was recorded.
    extra: Option<Json>,
}

/// A part of an audit log.
pub(in crate::graphql) type AuditLogConnection = ConnectionWith<AuditLog, AuditLogTotal>;

/// What a page's list is part of: counts it where it's asked to, and says where the log ended.
pub(in crate::graphql) struct AuditLogTotal {
    pub(super) scope: Scope,
    pub(super) filter: audit::Filter,
    /// Taken before the page was read, where it is selected.
    pub(super) end: Option<String>,
}

#[Object]
impl AuditLogTotal {
    /// Where the log ended just before this page was read. As `after` of `auditLogRecorded`, with any
    /// filter, it misses nothing that is recorded later, also where this page is empty. Entries that
    /// were recorded while the page was read may be in both.
    async fn tail_cursor(&self) -> Result<&str> {
        Ok(self.end.as_deref().ok_or("the end was not asked for")?)
    }

    /// Exact. Counted only when asked for.
    async fn total_count(&self) -> Result<i32> {
        let count = audit::count(&self.scope, &self.filter).await.map_err(to_error)?;
        Ok(i32::try_from(count)?)
    }
}
