//! Audit entries about tokens that were issued.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::{
    Permission, Result, Scope,
    audit::{Change, NewEntry, Recorder, Resource},
};

/// Records in the log of the scope's organization, or of the instance, that a token was issued for
/// `subject`. The token itself is not recorded.
///
/// # Errors
/// A database fault.
pub async fn record_issue(
    recorder: &Recorder,
    scope: &Scope,
    subject: &str,
    right: &str,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    scope.require_one_of(&[Permission::SetMembers, Permission::AddOperators])?;
    let resource = Resource { r#type: "token".to_owned(), id: subject.to_owned(), name: None };
    let mut entry = NewEntry::by(scope.viewer(), "token.issued", resource);
    let expires_at = expires_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    entry.changes = [("role", right.to_owned()), ("expiresAt", expires_at)]
        .map(|(field, new)| Change { field: field.to_owned(), old: None, new: Some(new.into()) })
        .into();
    recorder.record_own(scope, entry).await?;
    Ok(())
}
