//! The right to go on watching: as of now, not as of when the watch began.

use std::time::Duration;

use daybook_entity::organization::INSTANCE;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use super::Scope;
use crate::{Core, Result, Subscription, Topic};

/// A right that was last read this long ago is read again before anything is delivered. It bounds
/// how long another process, whose signal may be lost, goes on after a right was taken.
const REAUTHORIZE_AFTER: Duration = Duration::from_secs(2);

/// A watcher's right. It is read anew before the next delivery once it may have been taken: at once
/// where this process took it, and on other nodes when their signal comes, or after
/// [`REAUTHORIZE_AFTER`].
#[derive(Debug)]
pub(crate) struct LiveAccess {
    /// The viewer's role in the scope's organization.
    role: Subscription,
    /// The viewer's being an operator.
    operator: Subscription,
    /// The time when the right was last read; none if it may have been taken since.
    read_at: Option<Instant>,
}

impl LiveAccess {
    /// Begins to listen. The right is read again before the first delivery, since it may have been
    /// taken between [`super::enter`] and now.
    pub(crate) fn begin(scope: &Scope) -> Self {
        let (core, viewer) = (scope.core(), scope.viewer());
        let listen = |id| core.notifier.subscribe(topic(id, &viewer.subject));
        Self { role: listen(scope.organization_id()), operator: listen(INSTANCE), read_at: None }
    }

    /// Makes sure that the scope's right holds. To be called right before each delivery, after what
    /// is delivered was read.
    ///
    /// # Errors
    /// As [`Scope::check`].
    pub(crate) async fn renew(&mut self, scope: &Scope) -> Result<()> {
        // Taken before the right is read: what rings meanwhile is for the next time.
        if self.role.take() | self.operator.take() {
            self.read_at = None;
        }
        if self.read_at.is_some_and(|at| at.elapsed() < REAUTHORIZE_AFTER) {
            return Ok(());
        }
        let _turn = scope.core().db.watcher_turn().await;
        let begun = Instant::now();
        scope.check().await?;
        self.read_at = Some(begun);
        Ok(())
    }

    /// Waits until the right may have been taken.
    pub(crate) async fn questioned(&mut self) {
        tokio::select! {
            () = self.role.notified() => {}
            () = self.operator.notified() => {}
        }
        self.read_at = None;
    }
}

/// Makes everybody who watches as `subject` in an organization read the right anew, before this
/// returns. To be called once the change is committed, and before it is answered.
pub(crate) fn question(core: &Core, organization_id: Uuid, subject: &str) {
    core.notifier.notify(topic(organization_id, subject));
}

/// A subject's rights in an organization. A hash, since other processes are told it.
fn topic(organization_id: Uuid, subject: &str) -> Topic {
    let hash = Sha256::new_with_prefix(b"daybook rights")
        .chain_update(organization_id.as_bytes())
        .chain_update(subject);
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    Topic::Rights(Uuid::from_bytes(id))
}
