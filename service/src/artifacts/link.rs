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

use crate::{Instance, Purpose};

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
    let mut body = vec![VERSION];
    body.extend(artifact.organization_id.as_bytes());
    body.extend(artifact.job_id.as_bytes());
    body.extend(expires_at.timestamp_micros().to_be_bytes());
    body.extend(subject.as_bytes());
    let tag = instance.secret.sign(Purpose::Link, &[&body]);
    body.extend(tag);
    let token = URL_SAFE_NO_PAD.encode(body);
    format!("{}/artifacts/{token}/{}", instance.settings.public_url, artifact.file_name)
}

/// What the token of a link says, if it's ours and has not expired.
#[must_use]
pub fn verify(instance: &Instance, token: &str) -> Option<Link> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
    if !instance.secret.verify(Purpose::Link, &[body], tag) || body.first() != Some(&VERSION) {
        return None;
    }
    let micros = i64::from_be_bytes(body.get(33..41)?.try_into().ok()?);
    let expires_at: DateTime<Utc> = DateTime::from_timestamp_micros(micros)?;
    (expires_at > instance.clock.now()).then_some(Link {
        organization_id: Uuid::from_slice(body.get(1..17)?).ok()?,
        job_id: Uuid::from_slice(body.get(17..33)?).ok()?,
        subject: String::from_utf8(body.get(FIXED..)?.to_vec()).ok()?,
    })
}
