//! Entries of an organization's audit log: appended, chained, never changed.

use sea_orm::entity::prelude::*;

/// An entry of the audit log: an actor's action on a resource.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_logs")]
pub struct Model {
    /// The organization whose log holds the entry.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Position in the log: 1, 2, 3 … in commit order, without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// ID of the entry, a UUIDv7. The order of IDs is not the log's order.
    pub id: Uuid,
    /// The time of the action, as the recording application reported it.
    pub timestamp: DateTimeUtc,
    /// The time at which the entry was stored, by the database's clock.
    pub recorded_at: DateTimeUtc,
    /// Subject of the credential that recorded the entry.
    pub recorded_by: String,
    /// Type of the actor.
    pub actor_type: ActorType,
    /// ID of the actor in the recording application.
    pub actor_id: String,
    /// E-mail address of the actor. Personal: enters the hash through `commitment`.
    pub actor_email: Option<String>,
    /// Display name of the actor. Personal: enters the hash through `commitment`.
    pub actor_name: Option<String>,
    /// Name of the action, e.g. `device.assign`.
    pub action: String,
    /// Outcome of the action.
    pub outcome: AuditOutcome,
    /// Type of the resource, e.g. `device`.
    pub resource_type: String,
    /// ID of the resource in the recording application.
    pub resource_id: String,
    /// Display name of the resource.
    pub resource_name: Option<String>,
    /// ID of the request that led to the action; entries of one request share it.
    pub request_id: Option<String>,
    /// IP address that the action came from. Personal: enters the hash through `commitment`.
    pub ip_address: Option<String>,
    /// User agent that the action came from. Personal: enters the hash through `commitment`.
    pub user_agent: Option<String>,
    /// Changed fields: the text of a JSON array of `{field, old, new}`. Enters the hash through `commitment`.
    pub changes: String,
    /// Additional metadata as the text of a JSON value. Enters the hash through `commitment`.
    pub extra: Option<String>,
    /// 16 random bytes that keep the values behind `commitment` from being guessed.
    pub salt: Option<Vec<u8>>,
    /// SHA-256 of the salt and the personal values. The chain stays valid after those are erased.
    pub commitment: Vec<u8>,
    /// SHA-256 of the entry, chained to the hash of the entry before it.
    pub hash: Vec<u8>,
}

/// Type of an actor.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum ActorType {
    /// A person.
    #[sea_orm(string_value = "USER")]
    User,
    /// A program with its own credential.
    #[sea_orm(string_value = "SERVICE")]
    Service,
    /// The recording application itself.
    #[sea_orm(string_value = "SYSTEM")]
    System,
}

/// Outcome of an action.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum AuditOutcome {
    /// The action was performed.
    #[sea_orm(string_value = "SUCCESS")]
    Success,
    /// The action was attempted and failed.
    #[sea_orm(string_value = "FAILURE")]
    Failure,
    /// The action was refused.
    #[sea_orm(string_value = "DENIED")]
    Denied,
}

/// No relations: queries join rows by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
