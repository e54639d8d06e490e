//! Workers that are killed at any moment.

use std::time::Duration;

use daybook_entity::job_event;
use daybook_service::janitor;
use daybook_tests::{Backend, Process, TestServer, Value, eventually};
use sea_orm::{EntityTrait, PaginatorTrait};

use super::{Site, any_moment, random, rounds, settings};

const RECORDS: usize = 10_000;
/// Filters of the exports, and the number of entries: long attempts are killed during their work, short ones at
/// their start and end.
const EXPORTS: [(&str, usize); 3] = [("test.*", RECORDS), ("test.1*", 1_111), ("test.12*", 111)];
/// So many jobs wait until the victim has got one: the other worker does not take them all.
const BACKLOG: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_lose_nothing_and_leave_nothing_on_postgres() {
    kill_loop(Backend::Postgres, rounds(8)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_lose_nothing_and_leave_nothing_on_sqlite() {
    kill_loop(Backend::Sqlite, rounds(4)).await;
}

async fn kill_loop(backend: Backend, rounds: usize) {
    let server = TestServer::start_idle_with(backend, settings).await;
    let site = Site::new(server, RECORDS).await;
    let config = &site.server.config;
    let mut workers = vec![Process::worker(config).await];
    // A SQLite database is for one at a time.
    if backend == Backend::Postgres {
        workers.push(Process::worker(config).await);
    }
    let mut right = Vec::new();
    for (action, _) in EXPORTS {
        let undisturbed = site.start(action).await;
        right.push(site.admin.finished(&undisturbed).await["artifact"]["sha256"].clone());
    }
    let (mut jobs, mut kills, mut hits, mut attempts) = (Vec::new(), 0, 0, 0);
    // And on until enough of them hit something.
    while kills < rounds || hits * 2 < rounds {
        assert!(kills < 10 * rounds, "too few kills hit anything");
        let which = random::<u64>() as usize % workers.len();
        let victim = &mut workers[which];
        let node = victim.node().await;
        eventually("an attempt of the victim's", 60, async || {
            for _ in site.claimable().await..BACKLOG {
                let which = random::<u64>() as usize % EXPORTS.len();
                jobs.push((which, site.start(EXPORTS[which].0).await));
            }
            (site.attempts_of(&node).await > 0).then_some(())
        })
        .await;
        tokio::time::sleep(any_moment(Duration::from_millis(300))).await;
        victim.kill();
        kills += 1;
        let held = site.attempts_of(&node).await;
        (hits, attempts) = (hits + usize::from(held > 0), attempts + held);
        *victim = Process::worker(config).await;
    }
    eventually("the end of all jobs", 180, async || (site.unfinished().await == 0).then_some(()))
        .await;
    for worker in &mut workers {
        worker.stop().await;
    }
    let given_up = check(&site, &jobs, &right).await;
    let transitions = job_event::Entity::find().count(&site.db).await.unwrap();
    println!(
        "kill loop on {backend:?}: {kills} rounds, {hits} kills hit {attempts} running attempts, \
         {} jobs, {given_up} given up after five, {transitions} transitions checked",
        jobs.len() + EXPORTS.len()
    );
    janitor::sweep(&site.server.instance().core).await.unwrap();
    site.finish().await;
}

/// Each job is over, and its file is the one that an undisturbed attempt writes; how many were
/// given up.
async fn check(site: &Site, jobs: &[(usize, String)], right: &[Value]) -> usize {
    let mut given_up = 0;
    for (which, id) in jobs {
        let job = site.admin.finished(id).await;
        if job["state"] == "FAILED" {
            assert_eq!((&job["error"]["code"], &job["attempt"]), (&"STALLED".into(), &5.into()));
            given_up += 1;
            continue;
        }
        assert_eq!(job["state"], "SUCCEEDED", "{job}");
        let (_, records) = EXPORTS[*which];
        assert_eq!(job["artifact"]["sha256"], right[*which], "{job}");
        assert_eq!(job["artifact"]["recordCount"], records.to_string());
        let url = job["artifact"]["downloadUrl"].as_str().unwrap();
        let file = site.admin.download(url).await;
        assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), records);
    }
    given_up
}
