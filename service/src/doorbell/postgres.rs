//! Bells between the processes on one PostgreSQL: LISTEN and NOTIFY.
//!
//! NOTIFY inside a transaction takes a lock of the whole cluster at its commit, so it is sent after
//! the commit, from one connection, each topic once however often it rang meanwhile. A listener
//! that lost its connection rings everything when it is back: what it missed is read.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use uuid::Uuid;

use super::{Doorbell, Topic};
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
        let texts: Vec<_> = topics.into_iter().filter_map(text).collect();
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
            Some(ring) => {
                if let Some(topic) = topic(ring.payload()) {
                    doorbell.ring_here(topic);
                    if let Topic::Jobs(_) = topic {
                        doorbell.ring_here(Topic::AllJobs);
                    }
                }
            }
            // The connection was lost and is back.
            None => doorbell.ring_all_here(),
        }
    }
}

/// What other processes are told; they conclude the bell for all jobs themselves.
fn text(topic: Topic) -> Option<String> {
    match topic {
        Topic::Queue => Some("queue".to_owned()),
        Topic::Jobs(id) => Some(format!("jobs {id}")),
        Topic::AuditLog(id) => Some(format!("log {id}")),
        Topic::AllJobs => None,
    }
}

fn topic(text: &str) -> Option<Topic> {
    if text == "queue" {
        return Some(Topic::Queue);
    }
    let (kind, id) = text.split_once(' ')?;
    let id = Uuid::parse_str(id).ok()?;
    match kind {
        "jobs" => Some(Topic::Jobs(id)),
        "log" => Some(Topic::AuditLog(id)),
        // Of a newer version.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_read_back() {
        let id = Uuid::from_u128(7);
        for wanted in [Topic::Queue, Topic::Jobs(id), Topic::AuditLog(id)] {
            assert_eq!(text(wanted).as_deref().and_then(topic), Some(wanted));
        }
        assert_eq!(topic("moon 7"), None);
    }
}
