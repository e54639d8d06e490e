//! An entry of an organization's audit log: appended, chained, never changed.

use sea_orm::entity::prelude::*;

/// Who did what to which resource.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_logs")]
pub struct Model {
    /// Whose log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    /// Position in that log: 1, 2, 3 … in commit order, without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// Identity (UUIDv7), never order.
    pub id: Uuid,
    /// When it happened, said by whoever recorded it.
    pub timestamp: DateTimeUtc,
    /// When it was stored, by the database's clock.
    pub recorded_at: DateTimeUtc,
    /// Subject of the credential that recorded it.
    pub recorded_by: String,
    /// What kind of actor.
    pub actor_type: ActorType,
    /// The actor's id in the recording application.
    pub actor_id: String,
    /// Personal; enters the hash through `commitment`.
    pub actor_email: Option<String>,
    /// Personal; enters the hash through `commitment`.
    pub actor_name: Option<String>,
    /// A dotted verb, e.g. `device.assign`.
    pub action: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Kind of resource, e.g. `device`.
    pub resource_type: String,
    /// The resource's id in the recording application.
    pub resource_id: String,
    /// Display name of the resource.
    pub resource_name: Option<String>,
    /// Correlates entries of one request.
    pub request_id: Option<String>,
    /// Personal; enters the hash through `commitment`.
    pub ip_address: Option<String>,
    /// Personal; enters the hash through `commitment`.
    pub user_agent: Option<String>,
    /// JSON array of `{field, old, new}`, as text; enters the hash through `commitment`.
    pub changes: String,
    /// JSON of whatever else was recorded, as text; enters the hash through `commitment`.
    pub extra: Option<String>,
    /// 16 random bytes that keep `commitment` from being guessed.
    pub salt: Option<Vec<u8>>,
    /// SHA-256 over the salt and the personal values: erasing those leaves the chain valid.
    pub commitment: Vec<u8>,
    /// SHA-256 of this entry chained to the one before it.
    pub hash: Vec<u8>,
}

/// What kind of actor.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum ActorType {
    /// A person.
    #[sea_orm(string_value = "USER")]
    User,
    /// A program with its own credential.
    #[sea_orm(string_value = "SERVICE")]
    Service,
    /// The application itself.
    #[sea_orm(string_value = "SYSTEM")]
    System,
}

/// How an action ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum AuditOutcome {
    /// It was done.
    #[sea_orm(string_value = "SUCCESS")]
    Success,
    /// It was tried and failed.
    #[sea_orm(string_value = "FAILURE")]
    Failure,
    /// It was refused.
    #[sea_orm(string_value = "DENIED")]
    Denied,
}

/// None: rows are joined by key where needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
