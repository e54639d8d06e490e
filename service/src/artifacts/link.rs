//! Signed, short-lived links to artifacts.
//!
//! Anyone with a link can download the file until the link expires. A link can't be forged,
//! extended or changed to another file: its organization, job, expiry and subject are authenticated
//! by a MAC, whose key is used for links only.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use daybook_entity::artifact;
use uuid::Uuid;

use crate::{Core, Purpose, Secret};

/// Longest time that a link is valid for.
const MAX_LINK_TTL: Duration = Duration::from_secs(10 * 60);
/// Granularity of expiry in seconds. A subject that asks again within the same minute gets the same
/// link.
const EXPIRY_GRANULARITY_SECONDS: i64 = 60;
const LINK_VERSION: u8 = 1;
/// Length in bytes of the version, organization, job and expiry, which the subject follows.
const PREFIX_BYTES: usize = 1 + 16 + 16 + 8;
/// Length of the MAC in bytes.
const MAC_BYTES: usize = 32;

/// Contents of a valid link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// ID of the organization that the artifact belongs to.
    pub organization_id: Uuid,
    /// ID of the job that produced the artifact.
    pub job_id: Uuid,
    /// Subject that the link was issued to.
    pub subject: String,
    /// Time at which the link expires.
    pub expires_at: DateTime<Utc>,
}

impl Link {
    /// Creates the link to `artifact` that `subject` gets at the time `now`. Returns `None` if the
    /// artifact has expired or was removed.
    pub(super) fn new(
        artifact: &artifact::Model,
        subject: &str,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let is_there = artifact.removed_at.is_none() && artifact.expires_at > now;
        let minute = DateTime::from_timestamp(
            now.timestamp().div_euclid(EXPIRY_GRANULARITY_SECONDS) * EXPIRY_GRANULARITY_SECONDS,
            0,
        )?;
        is_there.then(|| Self {
            organization_id: artifact.organization_id,
            job_id: artifact.job_id,
            subject: subject.to_owned(),
            expires_at: artifact.expires_at.min(minute + MAX_LINK_TTL),
        })
    }

    /// Returns bytes that are unique to this link.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        let Self { organization_id, job_id, subject, expires_at } = self;
        let mut body = vec![LINK_VERSION];
        body.extend(organization_id.as_bytes());
        body.extend(job_id.as_bytes());
        body.extend(expires_at.timestamp_micros().to_be_bytes());
        body.extend(subject.as_bytes());
        body
    }
}

/// Returns the URL of a link to `artifact`.
pub(super) fn url(core: &Core, artifact: &artifact::Model, link: &Link) -> String {
    let token = seal(&core.secret, link);
    format!("{}/artifacts/{token}/{}", core.settings.public_url, artifact.file_name)
}

/// Verifies the token of a link and returns its contents. Returns `None` if the token is forged,
/// malformed or expired.
#[must_use]
pub fn verify(core: &Core, token: &str) -> Option<Link> {
    open(&core.secret, token, core.clock.now())
}

fn seal(secret: &Secret, link: &Link) -> String {
    let mut body = link.identity();
    let tag = secret.sign(Purpose::Link, &[&body]);
    body.extend(tag);
    URL_SAFE_NO_PAD.encode(body)
}

fn open(secret: &Secret, token: &str, now: DateTime<Utc>) -> Option<Link> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
    if !secret.verify(Purpose::Link, &[body], tag) || body.first() != Some(&LINK_VERSION) {
        return None;
    }
    let micros = i64::from_be_bytes(body.get(33..41)?.try_into().ok()?);
    let expires_at: DateTime<Utc> = DateTime::from_timestamp_micros(micros)?;
    (expires_at > now).then_some(Link {
        organization_id: Uuid::from_slice(body.get(1..17)?).ok()?,
        job_id: Uuid::from_slice(body.get(17..33)?).ok()?,
        subject: String::from_utf8(body.get(PREFIX_BYTES..)?.to_vec()).ok()?,
        expires_at,
    })
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::fuzz::{edited, edited_text, edits, text};
    use chrono::TimeDelta;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        #[test]
        fn links_lead_where_they_were_made_for_until_they_expire(
            ids: (u128, u128),
            subject in text(),
            edits in edits(),
            any in text(),
        ) {
            let secret = Secret::new(&"s".repeat(32)).expect("long enough");
            let now = DateTime::from_timestamp(1_800_000_000, 0).expect("within the calendar");
            let (organization_id, job_id) = (Uuid::from_u128(ids.0), Uuid::from_u128(ids.1));
            let expires_at = now + TimeDelta::microseconds(1);
            let link = Link { organization_id, job_id, subject, expires_at };
            let token = seal(&secret, &link);
            prop_assert_eq!(open(&secret, &token, now), Some(link));
            prop_assert_eq!(open(&secret, &token, now + TimeDelta::microseconds(1)), None);
            for text in [edited_text(&token, &edits), any] {
                prop_assert!(text == token || open(&secret, &text, now).is_none());
            }
        }

        /// Forgers know the form, and other MACs of the instance.
        #[test]
        fn other_macs_make_no_link(bytes in vec(any::<u8>(), 0..120), edits in edits()) {
            let secret = Secret::new(&"s".repeat(32)).expect("long enough");
            let now = DateTime::from_timestamp(0, 0).expect("within the calendar");
            let mut body = bytes;
            body.insert(0, LINK_VERSION);
            for purpose in [Purpose::Token, Purpose::Cursor, Purpose::Backup, Purpose::Fingerprint] {
                let tag = secret.sign(purpose, &[&body]);
                prop_assert_eq!(open(&secret, &URL_SAFE_NO_PAD.encode([&body, &tag[..]].concat()), now), None);
            }
            // The bytes beneath the text, changed.
            let ours = [&body, &secret.sign(Purpose::Link, &[&body])[..]].concat();
            let other = edited(&ours, &edits);
            prop_assert!(other == ours || open(&secret, &URL_SAFE_NO_PAD.encode(other), now).is_none());
            // Whatever another version has signed, nothing panics.
            let _ = open(&secret, &URL_SAFE_NO_PAD.encode(ours), now);
        }
    }
}
