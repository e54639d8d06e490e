//! Access of live subscriptions: the right to watch as it is now, not as it was when the watch
//! began.

use std::time::Duration;

use daybook_entity::organization::INSTANCE;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use super::Scope;
use crate::{Core, Result, Subscription, Topic};

/// Maximum age of a right at a delivery, 2 s; an older one is read again first. It bounds how long
/// a watch outlives a right that another process revoked if that process's signal is lost.
const REAUTHORIZE_AFTER: Duration = Duration::from_secs(2);

/// A watcher's right. Once it may have been revoked, it is read again before the next delivery: at
/// once if this process revoked it, and on other nodes when their signal arrives, or after
/// [`REAUTHORIZE_AFTER`].
#[derive(Debug)]
pub(crate) struct LiveAccess {
    /// Signals that the viewer's role in the scope's organization may have changed.
    role: Subscription,
    /// Signals that the viewer may have become an operator, or ceased to be one.
    operator: Subscription,
    /// The time when the right was last read; none if it may have been revoked since.
    read_at: Option<Instant>,
}

impl LiveAccess {
    /// Subscribes to changes of the scope's right. The right is read again before the first
    /// delivery, since it may have been revoked between [`super::enter`] and now.
    pub(crate) fn begin(scope: &Scope) -> Self {
        let (core, viewer) = (scope.core(), scope.viewer());
        let listen = |id| core.notifier.subscribe(topic(id, &viewer.subject));
        Self { role: listen(scope.organization_id()), operator: listen(INSTANCE), read_at: None }
    }

    /// Checks that the scope's right still holds. Call it right before each delivery, after reading
    /// what is delivered.
    ///
    /// # Errors
    /// Those of [`Scope::check`].
    pub(crate) async fn renew(&mut self, scope: &Scope) -> Result<()> {
        // Signals are taken before the right is read: one that arrives meanwhile counts next time.
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

    /// Waits until the right may have been revoked.
    pub(crate) async fn revalidation_requested(&mut self) {
        tokio::select! {
            () = self.role.notified() => {}
            () = self.operator.notified() => {}
        }
        self.read_at = None;
    }
}

/// Makes every watch by `subject` in an organization read its right again before the next delivery.
/// Call it once the change is committed, and before the request is answered.
pub(crate) fn revalidate(core: &Core, organization_id: Uuid, subject: &str) {
    core.notifier.notify(topic(organization_id, subject));
}

/// Returns the topic of a subject's rights in an organization: a hash, since other processes see
/// it.
fn topic(organization_id: Uuid, subject: &str) -> Topic {
    let hash = Sha256::new_with_prefix(b"daybook rights")
        .chain_update(organization_id.as_bytes())
        .chain_update(subject);
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    Topic::Rights(Uuid::from_bytes(id))
}
