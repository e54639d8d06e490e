//! API keys, as programs present them: `dbk_`, a prefix that identifies the key, and 256 random
//! bits.
//!
//! That many random bits need no slow hash. The MAC is computed with a key derived from the
//! instance's secret, so that write access to the database alone is not enough to make a key.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::api_key::{ActiveModel, Column, Entity, Model};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    Core, Error, Purpose, Result, Secret, Viewer,
    access::{Authority, subject},
    database, hex, random,
};

/// Prefix of every key, by which secret scanners recognize a leaked one.
const KEY_PREFIX: &str = "dbk_";
/// Number of hexadecimal digits in the prefix.
const PREFIX: usize = 16;
/// Number of hexadecimal digits in the secret part.
const SECRET: usize = 64;
/// Precision of a key's last-use time, 60 s, so that not every request writes to the database.
const LAST_USE_PRECISION: TimeDelta = TimeDelta::seconds(60);

/// A new key, before it is stored and handed out.
pub(crate) struct Fresh {
    pub(crate) key: String,
    pub(crate) prefix: String,
    pub(crate) hash: Vec<u8>,
}

/// Makes a new random key, with its prefix and its MAC.
pub(crate) fn fresh(secret: &Secret) -> Fresh {
    let prefix = hex(&random::bytes::<{ PREFIX / 2 }>());
    let key = format!("{KEY_PREFIX}{prefix}_{}", hex(&random::bytes::<{ SECRET / 2 }>()));
    let hash = secret.sign(Purpose::ApiKey, &[key.as_bytes()]).to_vec();
    Fresh { key, prefix, hash }
}

/// True if a bearer token begins as API keys do.
#[must_use]
pub fn is_api_key(token: &str) -> bool {
    token.starts_with(KEY_PREFIX)
}

/// Returns the prefix of the key that `text` names: by the key, whole or cut short, by its prefix,
/// or by its subject.
#[must_use]
pub fn named_prefix(text: &str) -> Option<&str> {
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").map_or(text, str::trim_start);
    let text =
        text.strip_prefix(KEY_PREFIX).or_else(|| subject::api_key_prefix(text)).unwrap_or(text);
    let prefix = text.split_once('_').map_or(text, |(prefix, _)| prefix);
    (prefix.len() == PREFIX && is_hex(prefix)).then_some(prefix)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the prefix of a well-formed key.
fn prefix(key: &str) -> Option<&str> {
    let (prefix, secret) = key.strip_prefix(KEY_PREFIX)?.split_once('_')?;
    let is_right = (prefix.len(), secret.len()) == (PREFIX, SECRET);
    (is_right && is_hex(prefix) && is_hex(secret)).then_some(prefix)
}

/// Returns the viewer to whom `key` belongs, and records the use of the key.
///
/// # Errors
/// [`Error::Unauthenticated`] if the key is unknown, revoked or expired; a database fault.
pub async fn verify(core: &Arc<Core>, authenticator: &Authenticator, key: &str) -> Result<Viewer> {
    let invalid = || Error::Unauthenticated("the API key is not valid here");
    let prefix = prefix(key).ok_or_else(invalid)?;
    let found = Entity::find().filter(Column::Prefix.eq(prefix)).one(core.db.access()).await?;
    let is_it = |row: &Model| core.secret.verify(Purpose::ApiKey, &[key.as_bytes()], &row.hash);
    let row = found.filter(is_it).ok_or_else(invalid)?;
    let now = core.clock.now();
    if !holds(&row, now) {
        return Err(Error::Unauthenticated("the API key has expired or was revoked"));
    }
    note_use(core, authenticator, &row, (key, now));
    let Model { organization_id, expires_at, .. } = row;
    Ok(Viewer {
        subject: subject::of_api_key(&row.prefix),
        email: None,
        authority: Authority::ApiKey { organization_id, expires_at },
        request_id: None,
        traceparent: None,
        address: None,
        user_agent: None,
    })
}

/// Returns the organization's key with this subject, if it is valid now.
pub(crate) async fn by_subject(
    core: &Core,
    organization_id: Uuid,
    subject: &str,
) -> Result<Option<Model>> {
    let Some(prefix) = subject::api_key_prefix(subject) else { return Ok(None) };
    let found = Entity::find()
        .filter(Column::OrganizationId.eq(organization_id))
        .filter(Column::Prefix.eq(prefix));
    let found = found.one(core.db.access()).await?;
    let now = core.clock.now();
    Ok(found.filter(|row| holds(row, now)))
}

fn holds(row: &Model, now: DateTime<Utc>) -> bool {
    row.revoked_at.is_none() && row.expires_at.is_none_or(|expires_at| now < expires_at)
}

/// The times at which this process last recorded the use of each key.
#[derive(Debug, Default)]
pub struct Authenticator(Mutex<HashMap<Uuid, DateTime<Utc>>>);

impl Authenticator {
    /// True for the first use of a key in each minute, which is to be stored; remembers that use.
    fn is_due(&self, id: Uuid, now: DateTime<Utc>) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&id).is_some_and(|at| now - *at < LAST_USE_PRECISION) {
            return false;
        }
        // Uses of an earlier minute no longer matter.
        noted.retain(|_, at| now - *at < LAST_USE_PRECISION);
        noted.insert(id, now);
        true
    }
}

/// Records that a key was used, and recomputes its MAC with the current secret if an older secret
/// made it. Runs beside the request, which does not wait for it.
fn note_use(
    core: &Arc<Core>,
    authenticator: &Authenticator,
    row: &Model,
    (key, now): (&str, DateTime<Utc>),
) {
    let parts = [key.as_bytes()];
    let is_kept = core.secret.is_current(Purpose::ApiKey, &parts, &row.hash);
    let is_noted = row.last_used_at.is_some_and(|at| now - at < LAST_USE_PRECISION);
    if is_kept && is_noted || !authenticator.is_due(row.id, now) {
        return;
    }
    let hash = core.secret.sign(Purpose::ApiKey, &parts).to_vec();
    let context = (Arc::clone(core), row.clone(), hash);
    let core = Arc::clone(core);
    let tasks = core.tasks.clone();
    tasks.spawn(async move {
        let noted = core.db.transaction(context, |tx, (core, row, hash)| {
            Box::pin(async move {
                let now = database::now(tx, &core.clock).await?;
                let is_earlier = Condition::any()
                    .add(Column::LastUsedAt.is_null())
                    .add(Column::LastUsedAt.lt(now));
                let noted = ActiveModel {
                    last_used_at: Set(Some(now)),
                    hash: Set(hash.clone()),
                    ..Default::default()
                };
                Entity::update_many()
                    .set(noted)
                    .filter(Column::OrganizationId.eq(row.organization_id))
                    .filter(Column::Id.eq(row.id))
                    .filter(is_earlier)
                    .exec(tx)
                    .await?;
                Ok(())
            })
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the use of an API key can't be noted");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_made_here_is_well_formed() {
        let secret = Secret::new(&"a".repeat(32)).expect("long enough");
        let Fresh { key, prefix: made, hash } = fresh(&secret);
        assert_eq!(prefix(&key), Some(made.as_str()));
        assert!(secret.verify(Purpose::ApiKey, &[key.as_bytes()], &hash));
        let upper = key.to_uppercase();
        for other in ["", "dbk_", "dbk__", &key[1..], &key[..key.len() - 1], &upper] {
            assert_eq!(prefix(other), None, "{other}");
        }
    }

    #[test]
    fn key_is_known_by_whatever_names_it() {
        let key = fresh(&Secret::new(&"a".repeat(32)).expect("long enough")).key;
        let made = prefix(&key).expect("well-formed");
        let (subject, bearer) = (subject::of_api_key(made), format!(" Bearer {key}\n"));
        for text in [
            &key,
            &key[..key.len() - 9],
            &key[..KEY_PREFIX.len() + PREFIX],
            made,
            &subject,
            &bearer,
        ] {
            assert_eq!(named_prefix(text), Some(made), "{text}");
        }
        for text in ["", "dbk_", "0", &key[..12], &made.to_uppercase(), &key.replace('_', "-")] {
            assert_eq!(named_prefix(text), None, "{text}");
        }
    }

    #[test]
    fn use_is_noted_once_a_minute() {
        let uses = Authenticator::default();
        let (key, now) = (Uuid::from_u128(1), crate::Clock::default().now());
        assert!(uses.is_due(key, now));
        assert!(!uses.is_due(key, now + TimeDelta::seconds(59)));
        assert!(uses.is_due(Uuid::from_u128(2), now));
        assert!(uses.is_due(key, now + TimeDelta::seconds(60)));
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::fuzz::{edited_text, edits, text};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_what_has_the_form_of_a_key_has_a_prefix(bytes: [u8; 40], edits in edits(), any in text()) {
            let secret = Secret::new(&"s".repeat(32)).expect("long enough");
            let text = hex(&bytes);
            let (made, rest) = text.split_at(PREFIX);
            let key = format!("{KEY_PREFIX}{made}_{rest}");
            prop_assert_eq!(prefix(&key), Some(made));
            let hash = secret.sign(Purpose::ApiKey, &[key.as_bytes()]);
            for other in [edited_text(&key, &edits), any] {
                if let Some(found) = prefix(&other) {
                    prop_assert_eq!(other.len(), key.len());
                    prop_assert!(other.starts_with(&[KEY_PREFIX, found, "_"].concat()));
                }
                let is_taken = secret.verify(Purpose::ApiKey, &[other.as_bytes()], &hash);
                prop_assert_eq!(is_taken, other == key);
            }
        }
    }
}
