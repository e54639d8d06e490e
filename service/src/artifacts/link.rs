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

use crate::{Instance, Purpose, Secret};

/// How long a link holds, at the most.
const TTL: Duration = Duration::from_secs(10 * 60);
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
}

/// Until when a link to `artifact` that is given out `now` may hold; none once it's expired or
/// removed.
pub(super) fn end(artifact: &artifact::Model, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let is_there = artifact.removed_at.is_none() && artifact.expires_at > now;
    is_there.then(|| artifact.expires_at.min(now + TTL))
}

/// A URL that downloads `artifact` until `expires_at`.
pub(super) fn issue(
    instance: &Instance,
    artifact: &artifact::Model,
    subject: &str,
    expires_at: DateTime<Utc>,
) -> String {
    let link = Link {
        organization_id: artifact.organization_id,
        job_id: artifact.job_id,
        subject: subject.to_owned(),
    };
    let token = seal(&instance.secret, &link, expires_at);
    format!("{}/artifacts/{token}/{}", instance.settings.public_url, artifact.file_name)
}

/// What the token of a link says, if it's ours and has not expired.
#[must_use]
pub fn verify(instance: &Instance, token: &str) -> Option<Link> {
    open(&instance.secret, token, instance.clock.now())
}

fn seal(secret: &Secret, link: &Link, expires_at: DateTime<Utc>) -> String {
    let Link { organization_id, job_id, subject } = link;
    let mut body = vec![VERSION];
    body.extend(organization_id.as_bytes());
    body.extend(job_id.as_bytes());
    body.extend(expires_at.timestamp_micros().to_be_bytes());
    body.extend(subject.as_bytes());
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
            let link = Link { organization_id, job_id, subject };
            let token = seal(&secret, &link, now + TimeDelta::microseconds(1));
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
