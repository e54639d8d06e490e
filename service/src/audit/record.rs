//! Recording: what requests and Daybook itself append to a log.

use std::sync::Arc;

use daybook_entity::audit_log::AuditOutcome;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Draft, NewEntry, Recorded, Recorder, Resource, limits,
    recorder::{Key, Recording, submit},
};
use crate::{Core, Error, GlobalId, Permission, Result, Scope, Viewer, input};

impl Recorder {
    /// Appends `entries` to the log of the scope's organization, all or none, in the order given.
    ///
    /// The answer comes after COMMIT, and the recording goes on if its caller goes away. A caller
    /// that gave an idempotency key and got no answer repeats it: nothing is appended twice.
    ///
    /// # Errors
    /// Every value out of bounds, named by entry and field; CONFLICT if the key was used with other
    /// entries; a database fault.
    pub async fn record(
        &self,
        scope: &Scope,
        entries: Vec<NewEntry>,
        idempotency_key: Option<String>,
    ) -> Result<Recorded> {
        let mut problems = limits::check(&entries);
        problems.extend(input::problem_of_key(idempotency_key.as_ref()));
        if !problems.is_empty() {
            return Err(Error::Refused(problems));
        }
        let key = idempotency_key.map(|name| Key { name, request_hash: fingerprint(&entries) });
        self.submit(scope, entries, key).await
    }

    /// Appends an entry of Daybook's own, which needs no limits.
    pub(crate) async fn record_own(&self, scope: &Scope, entry: NewEntry) -> Result<()> {
        self.submit(scope, vec![entry], None).await.map(drop)
    }

    /// Appends an entry of Daybook's own, unless one was appended under this `key`: once, over all
    /// processes.
    pub(crate) async fn record_once(
        &self,
        scope: &Scope,
        key: String,
        entry: NewEntry,
    ) -> Result<()> {
        let request_hash = Sha256::digest(&key).into();
        let key = Key { name: key, request_hash };
        self.submit(scope, vec![entry], Some(key)).await.map(drop)
    }

    /// Appends an entry with the outcome DENIED to the log of the organization that `viewer`'s role did
    /// not let in for `permission`.
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
        submit(core, self, organization_id, Arc::new(recording)).await.map(drop)
    }

    async fn submit(
        &self,
        scope: &Scope,
        entries: Vec<NewEntry>,
        key: Option<Key>,
    ) -> Result<Recorded> {
        let draft = |entry| Draft::new(scope.core(), scope.viewer().subject.clone(), entry);
        let drafts = entries.into_iter().map(draft).collect();
        let recording = Arc::new(Recording { drafts, key });
        submit(scope.core(), self, scope.organization_id(), recording).await
    }
}

/// SHA-256 of entries as they were asked for.
fn fingerprint(entries: &[NewEntry]) -> [u8; 32] {
    let text = serde_json::to_vec(entries).expect("entries hold nothing but JSON values");
    Sha256::digest(text).into()
}
