//! Bells between the processes on one PostgreSQL: LISTEN and NOTIFY.
//!
//! NOTIFY inside a transaction takes a lock of the whole cluster at its commit, so it is sent after
//! the commit, from one connection, each topic once however often it rang meanwhile. A listener
//! that lost its connection rings everything when it is back: what it missed is read.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};

use super::{Doorbell, wire};
use crate::Instance;

const CHANNEL: &str = "daybook";
/// Pause before a lost connection is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Passes rings on in both directions until the instance stops.
pub(crate) async fn relay(instance: Arc<Instance>, pool: PgPool) {
    let outward = send(&instance.doorbell, &pool);
    let inward = receive(&instance.doorbell, &pool);
    tokio::select! {
        () = instance.stopping.cancelled() => {}
        () = outward => {}
        () = inward => {}
    }
}

async fn send(doorbell: &Doorbell, pool: &PgPool) {
    loop {
        let topics = doorbell.outgoing().await;
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
            // Others look at their next tick.
            tracing::warn!(%error, "other processes could not be told to look");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn receive(doorbell: &Doorbell, pool: &PgPool) {
    loop {
        match listen(doorbell, pool).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "listening for other processes broke off"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(doorbell: &Doorbell, pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // Whatever rang while nobody listened.
    doorbell.ring_all_here();
    loop {
        match listener.try_recv().await? {
            Some(ring) => doorbell.hear(ring.payload()),
            // The connection was lost and is back.
            None => doorbell.ring_all_here(),
        }
    }
}
