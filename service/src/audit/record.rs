//! Recording: appending entries of requests and of Daybook itself to a log.

use std::sync::Arc;

use daybook_entity::audit_log::AuditOutcome;
use uuid::Uuid;

use super::{
    Draft, NewEntry, Recorded, Recorder, Resource, limits,
    recorder::{Key, Recording},
};
use crate::{Core, Error, GlobalId, Permission, Result, Scope, Viewer, idempotency};

impl Recorder {
    /// Appends `entries`, all or none, to the log of the scope's organization, in the order given.
    ///
    /// Returns after COMMIT; the recording goes on even if its caller goes away. A caller that gave
    /// an idempotency key and got no answer can repeat the call: nothing is appended twice.
    ///
    /// # Errors
    /// Every value out of bounds, by entry and field; CONFLICT if the key was used with other
    /// entries; a database fault.
    pub async fn record(
        &self,
        scope: &Scope,
        entries: Vec<NewEntry>,
        idempotency_key: Option<String>,
    ) -> Result<Recorded> {
        scope.require(Permission::RecordAuditLogs)?;
        let mut problems = limits::check(&entries);
        problems.extend(idempotency::problem_of_key(idempotency_key.as_ref()));
        if !problems.is_empty() {
            return Err(Error::Refused(problems));
        }
        let request_hash = || idempotency::request_hash(&entries);
        let key = idempotency_key.map(|name| Key { name, request_hash: request_hash() });
        self.submit_entries(scope, entries, key).await
    }

    /// Appends one of Daybook's own entries, which is not checked against the limits.
    pub(crate) async fn record_own(&self, scope: &Scope, entry: NewEntry) -> Result<()> {
        self.submit_entries(scope, vec![entry], None).await.map(drop)
    }

    /// Appends one of Daybook's own entries, unless one was already appended under this `key`: once
    /// across all processes.
    pub(crate) async fn record_once(
        &self,
        scope: &Scope,
        key: String,
        entry: NewEntry,
    ) -> Result<()> {
        let request_hash = idempotency::request_hash(&key);
        let key = Key { name: key, request_hash };
        self.submit_entries(scope, vec![entry], Some(key)).await.map(drop)
    }

    /// Appends an entry with the outcome DENIED to the log of the organization in which `viewer`'s
    /// role does not include `permission`.
    pub(crate) async fn record_denial(
        &self,
        core: &Arc<Core>,
        (viewer, organization_id, permission): (&Viewer, Uuid, Permission),
    ) -> Result<()> {
        let resource = Resource {
            r#type: "organization".to_owned(),
            id: GlobalId::Organization(organization_id).to_string(),
            name: None,
        };
        let mut entry = NewEntry::by(viewer, permission.action(), resource);
        entry.outcome = AuditOutcome::Denied;
        let recording =
            Recording { drafts: vec![Draft::new(core, viewer.subject.clone(), entry)], key: None };
        self.submit(organization_id, recording).await.map(drop)
    }

    async fn submit_entries(
        &self,
        scope: &Scope,
        entries: Vec<NewEntry>,
        key: Option<Key>,
    ) -> Result<Recorded> {
        let draft = |entry| Draft::new(scope.core(), scope.viewer().subject.clone(), entry);
        let drafts = entries.into_iter().map(draft).collect();
        self.submit(scope.organization_id(), Recording { drafts, key }).await
    }
}
