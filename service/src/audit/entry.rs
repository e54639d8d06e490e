//! Entries as their recorder gives them.

use chrono::{DateTime, Utc};
use daybook_entity::audit_log::{ActorType, AuditOutcome};
use sea_orm::ActiveEnum;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Value, json};

use crate::{
    JsonText, Viewer,
    access::{Authority, HostUser, subject},
    instant::deserialize_optional,
};

/// User agent in the metadata of entries about commands.
const COMMAND_LINE_USER_AGENT: &str = concat!("daybook-cli/", env!("CARGO_PKG_VERSION"));

/// An entry to be recorded. Its JSON has the shape of the GraphQL input `AuditLogEntryInput`. An
/// unknown field is refused, not dropped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewEntry {
    /// Time of the event; the time of the recording if absent.
    #[serde(default, deserialize_with = "deserialize_optional")]
    pub timestamp: Option<DateTime<Utc>>,
    /// The person, service or system that acted.
    pub actor: Actor,
    /// The action, as a dotted verb such as `device.assign`.
    pub action: String,
    /// The outcome of the action; success by default.
    #[serde(default = "success", deserialize_with = "from_name", serialize_with = "to_name")]
    pub outcome: AuditOutcome,
    /// The person or service for whom the actor acted, if not for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Actor>,
    /// The object of the action.
    pub resource: Resource,
    /// Further objects of the action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related_resources: Vec<Resource>,
    /// Changed values of the resource, before and after.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Circumstances of the action.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}

/// The actor of an entry: a person, service or system.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The actor's id in the recording application.
    pub id: String,
    /// The kind of actor; a user by default.
    #[serde(default = "user", deserialize_with = "from_name", serialize_with = "to_name")]
    pub r#type: ActorType,
    /// The actor's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The actor's display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The resource of an entry: the object of the action.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// The kind of resource, such as `device`.
    pub r#type: String,
    /// The resource's id in the recording application.
    pub id: String,
    /// The resource's display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A changed value of the resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The name of the changed field.
    pub field: String,
    /// The value before; null if there was none.
    #[serde(default)]
    pub old: Option<JsonText>,
    /// The value after; null if it was removed.
    #[serde(default)]
    pub new: Option<JsonText>,
}

/// Circumstances of an entry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// The IP address from which the actor acted.
    #[serde(default)]
    pub ip_address: Option<String>,
    /// The program with which the actor acted.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// The id of the request in which the action happened.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Any further details, as JSON.
    #[serde(default)]
    pub extra: Option<JsonText>,
}

impl NewEntry {
    /// Returns an entry about a successful action of `viewer` at the time of the recording.
    pub(crate) fn by(viewer: &Viewer, action: &str, resource: Resource) -> Self {
        Self {
            timestamp: None,
            actor: Actor::of(viewer),
            action: action.to_owned(),
            outcome: AuditOutcome::Success,
            on_behalf_of: None,
            resource,
            related_resources: Vec::new(),
            changes: Vec::new(),
            metadata: Metadata::of(viewer),
        }
    }

    /// Adds fields to `metadata.extra` of one of Daybook's own entries, whose existing fields stay.
    pub(crate) fn with_extra(mut self, more: Value) -> Self {
        self.add_extra(more);
        self
    }

    /// Like [`Self::with_extra`].
    pub(crate) fn add_extra(&mut self, more: Value) {
        let metadata = self.metadata.get_or_insert_default();
        let known = metadata.extra.take().and_then(|known| serde_json::from_str(known.get()).ok());
        let extra = match (known, more) {
            (Some(Value::Object(mut known)), Value::Object(more)) => {
                for (name, value) in more {
                    known.entry(name).or_insert(value);
                }
                Value::Object(known)
            }
            (_, more) => more,
        };
        metadata.extra = Some(extra.into());
    }
}

impl Actor {
    /// Returns the viewer as the actor of an audit entry.
    pub(crate) fn of(viewer: &Viewer) -> Self {
        Self {
            id: viewer.subject.clone(),
            // Someone who downloads by a link is known by the subject alone.
            r#type: match viewer.authority {
                _ if subject::is_api_key(&viewer.subject) => ActorType::Service,
                Authority::Host(_) if subject::is_host_user(&viewer.subject) => ActorType::System,
                Authority::Token { .. } | Authority::ApiKey { .. } | Authority::Host(_) => {
                    ActorType::User
                }
                Authority::CommandLine => ActorType::System,
            },
            email: viewer.email.clone(),
            name: None,
        }
    }
}

impl Metadata {
    /// Returns the circumstances of the viewer's action, for its audit entry.
    pub(crate) fn of(viewer: &Viewer) -> Option<Self> {
        let (user_agent, extra) = match &viewer.authority {
            Authority::Host(HostUser { name, host }) => {
                let extra = json!({ "via": "command line", "osUser": name, "host": host });
                (Some(COMMAND_LINE_USER_AGENT.to_owned()), Some(extra.into()))
            }
            Authority::Token { .. } | Authority::ApiKey { .. } | Authority::CommandLine => {
                (viewer.user_agent.clone(), None)
            }
        };
        let request_id = viewer.request_id.clone();
        let ip_address = viewer.address.map(|address| address.to_canonical().to_string());
        let is_any = request_id.is_some() || user_agent.is_some() || ip_address.is_some();
        is_any.then_some(Self { request_id, user_agent, extra, ip_address })
    }
}

fn success() -> AuditOutcome {
    AuditOutcome::Success
}

fn user() -> ActorType {
    ActorType::User
}

pub(super) fn from_name<'de, D, E>(deserializer: D) -> Result<E, D::Error>
where
    D: Deserializer<'de>,
    E: ActiveEnum<Value = String>,
{
    let name = String::deserialize(deserializer)?;
    E::try_from_value(&name).map_err(|_| {
        let names = E::iter().map(|variant| variant.to_value()).collect::<Vec<_>>().join(", ");
        D::Error::custom(format!("`{name}` is none of {names}"))
    })
}

pub(super) fn to_name<S, E>(value: &E, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    E: ActiveEnum<Value = String>,
{
    serializer.serialize_str(&value.to_value())
}

/// Enums of the database, by name, for serde's `with`.
pub(super) mod names {
    use super::{ActiveEnum, Deserialize, Deserializer, Serializer, from_name};

    #[derive(Deserialize)]
    #[serde(bound(deserialize = "E: ActiveEnum<Value = String>"))]
    struct Read<E>(#[serde(deserialize_with = "from_name")] E);

    pub(in crate::audit) fn deserialize<'de, D, E>(deserializer: D) -> Result<Vec<E>, D::Error>
    where
        D: Deserializer<'de>,
        E: ActiveEnum<Value = String>,
    {
        let read = Vec::<Read<E>>::deserialize(deserializer)?;
        Ok(read.into_iter().map(|Read(value)| value).collect())
    }

    pub(in crate::audit) fn serialize<S, E>(values: &[E], serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        E: ActiveEnum<Value = String>,
    {
        serializer.collect_seq(values.iter().map(ActiveEnum::to_value))
    }
}
