//! Signed, short-lived links to artifacts.
//!
//! Whoever holds a link can download until it expires; it can't be forged, stretched or turned
//! towards another file, for organization, job and expiry are all under the MAC, whose key is for
//! links only.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use daybook_entity::artifact;
use uuid::Uuid;

use crate::{Core, Purpose, Secret};

/// How long a link holds, at the most.
const TTL: Duration = Duration::from_secs(10 * 60);
/// Links of one minute to one subject are the same link, so that asking again hands out nothing new.
const MINUTE: i64 = 60;
const VERSION: u8 = 1;
/// Version, organization, job, expiry; the subject that it was given to follows.
const FIXED: usize = 1 + 16 + 16 + 8;
/// Length of the MAC.
const TAG: usize = 32;

/// What a valid link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose artifact.
    pub organization_id: Uuid,
    /// Of which job.
    pub job_id: Uuid,
    /// To whom it was given.
    pub subject: String,
    /// The link holds until this time.
    pub expires_at: DateTime<Utc>,
}

impl Link {
    /// The link to `artifact` that `subject` is given `now`; none once the artifact has expired or was
    /// removed.
    pub(super) fn new(
        artifact: &artifact::Model,
        subject: &str,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let is_there = artifact.removed_at.is_none() && artifact.expires_at > now;
        let minute = DateTime::from_timestamp(now.timestamp().div_euclid(MINUTE) * MINUTE, 0)?;
        is_there.then(|| Self {
            organization_id: artifact.organization_id,
            job_id: artifact.job_id,
            subject: subject.to_owned(),
            expires_at: artifact.expires_at.min(minute + TTL),
        })
    }

    /// The bytes that tell this link from every other one.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        let Self { organization_id, job_id, subject, expires_at } = self;
        let mut body = vec![VERSION];
        body.extend(organization_id.as_bytes());
        body.extend(job_id.as_bytes());
        body.extend(expires_at.timestamp_micros().to_be_bytes());
        body.extend(subject.as_bytes());
        body
    }
}

/// The URL of a link to `artifact`.
pub(super) fn url(core: &Core, artifact: &artifact::Model, link: &Link) -> String {
    let token = seal(&core.secret, link);
    format!("{}/artifacts/{token}/{}", core.settings.public_url, artifact.file_name)
}

/// What the token of a link says, if it's ours and has not expired.
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
    let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
    if !secret.verify(Purpose::Link, &[body], tag) || body.first() != Some(&VERSION) {
        return None;
    }
    let micros = i64::from_be_bytes(body.get(33..41)?.try_into().ok()?);
    let expires_at: DateTime<Utc> = DateTime::from_timestamp_micros(micros)?;
    (expires_at > now).then_some(Link {
        organization_id: Uuid::from_slice(body.get(1..17)?).ok()?,
        job_id: Uuid::from_slice(body.get(17..33)?).ok()?,
        subject: String::from_utf8(body.get(FIXED..)?.to_vec()).ok()?,
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
            body.insert(0, VERSION);
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
