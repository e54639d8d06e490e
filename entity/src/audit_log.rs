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
    /// True if `timestamp` is later than `recorded_at` by more than five minutes.
    pub clock_skewed: bool,
    /// Subject of the credential that recorded the entry.
    pub recorded_by: String,
    /// Type of the actor.
    pub actor_type: ActorType,
    /// ID of the actor in the recording application. Behind a commitment.
    pub actor_id: String,
    /// E-mail address of the actor. Behind a commitment.
    pub actor_email: Option<String>,
    /// `actor_email` without regard to case, which filters compare. Derived, and part of no hash.
    pub actor_email_folded: Option<String>,
    /// Display name of the actor. Behind a commitment.
    pub actor_name: Option<String>,
    /// For whom the actor acted: the text of a JSON object `{id, type, email, name}` without absent
    /// values. Behind a commitment.
    pub on_behalf_of: Option<String>,
    /// Name of the action, e.g. `device.assign`.
    pub action: String,
    /// Outcome of the action.
    pub outcome: AuditOutcome,
    /// Type of the resource, e.g. `device`.
    pub resource_type: String,
    /// ID of the resource in the recording application. Behind a commitment.
    pub resource_id: String,
    /// Display name of the resource. Behind a commitment.
    pub resource_name: Option<String>,
    /// Further resources: the text of a JSON array of `{type, id, name}` without absent values. Behind a
    /// commitment.
    pub related_resources: String,
    /// ID of the request that led to the action; entries of one request share it. Behind a commitment.
    pub request_id: Option<String>,
    /// IP address that the action came from. Behind a commitment.
    pub ip_address: Option<String>,
    /// The 16 bytes of the address in hexadecimal, an IPv4 address as its IPv6 form, which filters
    /// compare; null if `ip_address` is no address. Derived, and part of no hash.
    pub ip_address_key: Option<String>,
    /// User agent that the action came from. Behind a commitment.
    pub user_agent: Option<String>,
    /// Changed fields: the text of a JSON array of `{field, old, new}`. Behind a commitment.
    pub changes: String,
    /// Additional metadata as the text of a JSON value. Behind a commitment.
    pub extra: Option<String>,
    /// 32 random bytes, from which each committed value's key is derived: without it no value can be
    /// guessed from its commitment. Null once a value is erased.
    pub salt: Option<Vec<u8>>,
    /// The chain hash: SHA-256 of the chain hash before it and the entry's leaf hash.
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
    /// A program that decides by itself, such as an AI agent; mostly on behalf of somebody.
    #[sea_orm(string_value = "AGENT")]
    Agent,
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
