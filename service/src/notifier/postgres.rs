//! Notifications between the processes on one PostgreSQL by LISTEN and NOTIFY.
//!
//! NOTIFY inside a transaction takes a lock of the whole cluster at its commit. So it is sent after
//! the commit, from one connection, and once for each topic, however often that was notified
//! meanwhile. A listener that lost its connection notifies all subscribers when it is back, so that
//! they read what they missed.

use std::time::Duration;

use sqlx::{PgPool, postgres::PgListener};
use tokio_util::sync::CancellationToken;

use super::{Notifier, wire};

const CHANNEL: &str = "daybook";
/// Pause before a lost connection is tried again.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);

/// Passes notifications on in both directions until the instance stops.
pub(crate) async fn relay(notifier: Notifier, pool: PgPool, stopping: CancellationToken) {
    let outward = send(&notifier, &pool);
    let inward = receive(&notifier, &pool);
    tokio::select! {
        () = stopping.cancelled() => {}
        () = outward => {}
        () = inward => {}
    }
}

async fn send(notifier: &Notifier, pool: &PgPool) {
    loop {
        let topics = notifier.outgoing().await;
        let texts: Vec<_> = topics.into_iter().filter_map(wire::text).collect();
        if texts.is_empty() {
            continue;
        }
        let sent = sqlx::query("SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic")
            .bind(CHANNEL)
            .bind(&texts)
            .execute(pool)
            .await;
        if let Err(error) = sent {
            // Other processes check at their next interval.
            tracing::warn!(%error, "other processes could not be told to look");
            tokio::time::sleep(RECONNECT_DELAY).await;
        }
    }
}

async fn receive(notifier: &Notifier, pool: &PgPool) {
    loop {
        match listen(notifier, pool).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "listening for other processes broke off"),
        }
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}

async fn listen(notifier: &Notifier, pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // Covers notifications from before this process listened.
    notifier.notify_all_here();
    loop {
        match listener.try_recv().await? {
            Some(ring) => notifier.hear(ring.payload()),
            // The connection was lost and is back.
            None => notifier.notify_all_here(),
        }
    }
}
