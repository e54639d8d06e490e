//! The harness: a real server on a real database, tried from outside.
//!
//! A test names a server and gets one with a database and a folder of its own, on each engine. Only
//! the clock can be moved. When the test is over, the invariants that tie log, jobs, events and
//! artifacts together are checked on what it left behind.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]
#![allow(missing_docs, reason = "names say it; nobody builds on the harness")]

pub mod binary;
mod client;
pub mod clients;
mod cluster;
mod cutting_proxy;
mod database;
mod deadline;
mod events;
pub mod fields;
pub mod hashes;
pub mod invariants;
mod nats;
mod pgbouncer;
mod process;
mod s3;
mod server;
mod socket;
mod standby;

pub use client::{Answer, Client, entry};
pub use cluster::{Cluster, Shutdown};
pub use cutting_proxy::CuttingProxy;
pub use database::{Backend, TestDatabase, postgres_server};
pub use events::{Event, Events};
pub use nats::{NatsServer, Wiretap};
pub use pgbouncer::PgBouncer;
pub use process::{Process, Signal};
pub use s3::S3Server;
pub use server::{TestServer, raw_organization};
pub use socket::Socket;
pub use standby::Standby;

pub use daybook_test_macros::{on_each_backend, on_each_engine, on_each_idle_engine};
pub use serde_json::{Value, json};

/// Polls `condition` until it returns a value. Panics with `what` after `seconds`.
pub async fn eventually<T, F>(what: &str, seconds: u64, mut condition: F) -> T
where
    F: AsyncFnMut() -> Option<T>,
{
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(std::time::Instant::now() < deadline, "{what} did not happen in {seconds} s");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
