//! Jobs leave time for the other tasks of a process.

use std::time::{Duration, Instant};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, TestServer};
use tokio::time::interval;

/// On a single thread, which is where it shows.
#[tokio::test]
async fn export_gives_its_thread_to_others_all_the_time() {
    let server = TestServer::start(Backend::Postgres).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 9_900).await;
    let job = admin.export(&acme, "JSONL").await["job"].clone();
    let began = Instant::now();
    let mut finished = std::pin::pin!(admin.finished(job["id"].as_str().unwrap()));
    let (mut last, mut longest) = (began, Duration::ZERO);
    let mut tick = interval(Duration::from_millis(1));
    let job = loop {
        tokio::select! {
            job = &mut finished => break job,
            _ = tick.tick() => {}
        }
        longest = longest.max(last.elapsed());
        last = Instant::now();
    };
    let whole = began.elapsed();
    println!("longest pause {longest:?} of {whole:?}");
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    assert!(longest * 5 < whole, "others waited {longest:?} of {whole:?}");
    server.finish().await;
}
