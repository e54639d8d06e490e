//! Limits on concurrent reads, so that no client keeps the database from the others.
//!
//! A read waits for a slot of its operation, of its credential and of its organization, narrowest
//! first, so that no read holds a widely shared slot while it waits for a narrower one. Scans,
//! whose cost grows with the log, have separate slots at each of these, and a few in the whole
//! process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    tenancy,
    workload::{Operation, Share},
};

/// Most concurrent scans of one credential.
const MAX_CREDENTIAL_SCANS: usize = 2;
/// Most concurrent scans of one organization.
const MAX_ORGANIZATION_SCANS: usize = 3;
/// Most concurrent look-ups of permissions by one credential. PostgreSQL without a pooler has more
/// connections for them, so that other credentials get through.
const MAX_CREDENTIAL_LOOKUPS: usize = 4;
/// Number of remembered shares from which unused ones are forgotten.
const MAX_IDLE_SHARES: usize = 1_000;

/// The way in which a read finds its rows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Looks up a permission by its key.
    Lookup,
    /// Finds rows by a key, or along an index that leads to the returned rows only.
    Keyed,
    /// Reads through any number of rows that it does not return.
    Scan,
}

/// The slots of a read; dropping this releases them. It keeps the shares alive, so that reads that
/// arrive meanwhile find the slots taken.
#[derive(Debug)]
pub(crate) struct Slot {
    _permits: Vec<OwnedSemaphorePermit>,
    _shares: Vec<Arc<Share>>,
}

/// The slots of a process.
#[derive(Debug)]
pub(super) struct Slots {
    /// Most concurrent keyed reads of one credential or organization.
    keyed: usize,
    scans: Arc<Semaphore>,
    credentials: Shares,
    organizations: Shares,
}

impl Slots {
    /// Creates slots for `readers` connections for keyed reads and `scanners` connections for
    /// scans.
    pub(super) fn new(readers: u32, scanners: u32) -> Arc<Self> {
        Arc::new(Self {
            keyed: (readers as usize / 2).max(1),
            scans: Arc::new(Semaphore::new(scanners as usize)),
            credentials: Shares::default(),
            organizations: Shares::default(),
        })
    }

    /// Waits for the slots of a read of this task, first come, first served.
    pub(super) async fn take(&self, read: Read) -> Slot {
        let shares = self.shares(read);
        let semaphores = shares.iter().map(|share| match read {
            Read::Lookup => &share.lookups,
            Read::Keyed => &share.reads,
            Read::Scan => &share.scans,
        });
        let all = (read == Read::Scan).then_some(&self.scans);
        let mut permits = Vec::with_capacity(shares.len() + 1);
        for semaphore in semaphores.chain(all) {
            let permit = Arc::clone(semaphore).acquire_owned().await;
            permits.push(permit.expect("nobody closes it"));
        }
        Slot { _permits: permits, _shares: shares }
    }

    /// Returns the shares whose slots a read of this task needs: none for the instance's own work,
    /// and none for keyed reads and look-ups of subscriptions.
    fn shares(&self, read: Read) -> Vec<Arc<Share>> {
        let Some(operation) = Operation::current() else { return Vec::new() };
        if operation.is_subscription() && read != Read::Scan {
            return Vec::new();
        }
        let credential = self.credentials.of(operation.client(), self.keyed, MAX_CREDENTIAL_SCANS);
        let mut shares = vec![Arc::clone(operation.share()), credential];
        if read == Read::Lookup {
            return shares;
        }
        if let Some(organization_id) = tenancy::organization() {
            let name = organization_id.to_string();
            shares.push(self.organizations.of(&name, self.keyed, MAX_ORGANIZATION_SCANS));
        }
        shares
    }
}

/// Shares by name of their credential or organization, for as long as they are used.
#[derive(Debug, Default)]
struct Shares(Mutex<HashMap<String, Weak<Share>>>);

impl Shares {
    fn of(&self, name: &str, reads: usize, scans: usize) -> Arc<Share> {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(name).and_then(Weak::upgrade) {
            return share;
        }
        if shares.len() >= MAX_IDLE_SHARES {
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let share = Share::new(reads, scans, MAX_CREDENTIAL_LOOKUPS);
        shares.insert(name.to_owned(), Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn operation(client: &str) -> Operation {
        Operation::query(client.to_owned())
    }

    /// Returns the number of slots that operations get at once.
    fn taken(slots: &Slots, read: Read, operations: &[Operation]) -> usize {
        let mut taken = Vec::new();
        for operation in operations {
            while let Some(slot) = operation.clone().run(slots.take(read)).now_or_never() {
                taken.push(slot);
            }
        }
        taken.len()
    }

    #[test]
    fn reads_are_bounded_by_operation_credential_and_process() {
        let slots = Slots::new(10, 4);
        let (ada, bob) = (operation("ada"), operation("bob"));
        let other = operation("ada");
        assert_eq!(taken(&slots, Read::Keyed, std::slice::from_ref(&ada)), 4);
        assert_eq!(taken(&slots, Read::Keyed, &[ada.clone(), other.clone()]), 5);
        assert_eq!(taken(&slots, Read::Scan, &[ada.clone(), other]), 2);
        assert_eq!(taken(&slots, Read::Scan, &[ada.clone(), bob, operation("eve")]), 4);
        assert_eq!(taken(&slots, Read::Lookup, std::slice::from_ref(&ada)), 2);
        let more = [ada, operation("ada"), operation("ada")];
        assert_eq!(taken(&slots, Read::Lookup, &more), 4);
        // All slots were released.
        assert_eq!(taken(&slots, Read::Scan, &[operation("ada")]), 2);
    }

    #[tokio::test]
    async fn scans_of_an_organization_are_bounded_whoever_asks() {
        let slots = Slots::new(10, 10);
        let organization_id = uuid::Uuid::from_u128(1);
        let operations = ["ada", "bob", "eve"].map(operation);
        let all = tenancy::only(organization_id, async { taken(&slots, Read::Scan, &operations) });
        assert_eq!(all.await, 3);
    }

    #[test]
    fn slot_outlives_its_operation() {
        let slots = Slots::new(10, 4);
        let (first, second) = (operation("ada"), operation("ada"));
        let held: Vec<_> = [first, second]
            .into_iter()
            .filter_map(|operation| operation.run(slots.take(Read::Scan)).now_or_never())
            .collect();
        assert_eq!(held.len(), 2);
        assert!(operation("ada").run(slots.take(Read::Scan)).now_or_never().is_none());
    }
}
