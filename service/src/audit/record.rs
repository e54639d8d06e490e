//! Recording: appending entries of requests and of Daybook itself to a log.

use std::sync::Arc;

use daybook_entity::audit_log::{self, AuditOutcome};
use uuid::Uuid;

use super::{
    Draft, NewEntry, Recorded, Recorder, Resource, limits,
    recorder::{Key, Recording},
};
use crate::{
    Core, Error, Fault, GlobalId, Permission, Problem, Result, Scope, Viewer, idempotency,
};

/// An entry to be recorded, or what kept it from being read.
pub type Candidate = std::result::Result<NewEntry, Vec<Problem>>;

/// The result of a recording that leaves out invalid entries.
#[derive(Clone, Debug)]
pub struct RecordedValid {
    /// For each entry, in the order given, the entry as stored, or why it was left out.
    pub results: Vec<std::result::Result<audit_log::Model, Vec<Problem>>>,
    /// True if an earlier recording with this key already stored the valid entries.
    pub replayed: bool,
}

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

    /// Appends those of `entries` that are valid, like [`Self::record`], and tells of each what became
    /// of it. An entry that could not even be read comes with its problems.
    ///
    /// # Errors
    /// A wrong number of entries; CONFLICT if the key was used with other entries; a database fault.
    pub async fn record_valid(
        &self,
        scope: &Scope,
        entries: Vec<Candidate>,
        idempotency_key: Option<String>,
    ) -> Result<RecordedValid> {
        scope.require(Permission::RecordAuditLogs)?;
        let problems = limits::problem_of_number(entries.len());
        let problems =
            problems.into_iter().chain(idempotency::problem_of_key(idempotency_key.as_ref()));
        let problems: Vec<_> = problems.collect();
        if !problems.is_empty() {
            return Err(Error::Refused(problems));
        }
        let (mut valid, mut refusals) = (Vec::new(), Vec::new());
        for (index, entry) in entries.into_iter().enumerate() {
            let problems = match &entry {
                Ok(entry) => limits::problems_of(index, entry),
                Err(problems) => problems.clone(),
            };
            valid.extend(entry.ok().filter(|_| problems.is_empty()));
            refusals.push(problems);
        }
        let number = valid.len();
        let Recorded { entries, replayed } = if valid.is_empty() {
            Recorded { entries: Vec::new(), replayed: false }
        } else {
            let request_hash = || idempotency::request_hash(&valid);
            let key = idempotency_key.map(|name| Key { name, request_hash: request_hash() });
            self.submit_entries(scope, valid, key).await?
        };
        if entries.len() != number {
            return Err(Fault::Bug("a recording of another length".to_owned()).into());
        }
        let mut entries = entries.into_iter();
        let result = |problems: Vec<Problem>| match problems.is_empty() {
            true => entries.next().ok_or(problems),
            false => Err(problems),
        };
        Ok(RecordedValid { results: refusals.into_iter().map(result).collect(), replayed })
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
