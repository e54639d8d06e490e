//! Watchers that are cut off at any moment, of servers that are killed and restarted.

mod resumer;
mod tally;

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use daybook_entity::{job_event, membership::Role};
use daybook_service::{GlobalId, janitor};
use daybook_tests::{Backend, Client, Process, TestServer, Value, eventually, json};
use futures::future::{join, join_all};
use sea_orm::{ActiveEnum, EntityTrait, PaginatorTrait, QueryOrder};
use tokio::sync::watch;

use super::{Site, any_moment, random, rounds, settings, start_surely, surely};
use resumer::{Printed, Resumer};
use tally::{Tally, Transition, tally};

/// Minimum number of transitions for each round, of which the whole loop must reach the sum.
const TRANSITIONS: usize = 50;
/// Minimum number of cuts for each client and round.
const CUTS: usize = 5;
const RECORDS: usize = 5;
/// Number of unfinished jobs at a time.
const BACKLOG: u64 = 12;
/// Callers at a time: one whose export nobody works waits with it.
const CALLERS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_are_cut_off_miss_nothing_on_postgres() {
    socket_loop(Backend::Postgres, rounds(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_are_cut_off_miss_nothing_on_sqlite() {
    socket_loop(Backend::Sqlite, rounds(4)).await;
}

async fn socket_loop(backend: Backend, rounds: usize) {
    let server = TestServer::start_idle_with(backend, settings).await;
    let site = Site::new(server, RECORDS).await;
    let other = site.server.organization("globex").await;
    site.server.set_member(&other, "admin", Role::Admin).await;
    let mut config = site.server.config.clone();
    config.listen = address();
    let url = format!("http://{}", config.listen);
    let mut serve = Process::serve(&config, &[]).await;
    let mut resumers = watchers(&site, &other, &url).await;
    let client = Client::new(url, site.admin.token.clone());
    let (stop, stopped) = watch::channel(false);
    let faults = async {
        for round in 1..=rounds {
            eventually("a round's transitions and cuts", 120, async || {
                let is_cut = resumers.iter_mut().all(|resumer| resumer.cuts() >= round * CUTS);
                (is_cut && transitions(&site).await >= round * TRANSITIONS).then_some(())
            })
            .await;
            tokio::time::sleep(any_moment(Duration::from_millis(200))).await;
            if round % 2 == 0 {
                serve.stop().await;
            } else {
                serve.kill();
            }
            serve = Process::serve(&config, &[]).await;
        }
        stop.send(true).unwrap();
    };
    let organizations = [&site.organization, &other];
    let callers = (0..CALLERS).map(|_| call(&client, &site, organizations, &stopped));
    let ((), canceled) = join(faults, join_all(callers)).await;
    let canceled: usize = canceled.into_iter().sum();
    eventually("the end of all jobs", 60, async || (site.unfinished().await == 0).then_some(()))
        .await;
    println!("socket loop on {backend:?}: {rounds} restarts, {canceled} cancels asked for");
    let mut closed = 0;
    for resumer in resumers {
        let (name, printed) = (resumer.name, resumer.finish().await);
        check(&site, name, rounds, &printed).await;
        closed += printed.closed();
    }
    assert!(closed >= rounds, "too few restarts hit an open connection");
    serve.stop().await;
    janitor::sweep(&site.server.instance().core).await.unwrap();
    site.finish().await;
}

/// Below the ports that systems hand out by themselves: it stays free while the server is away.
fn address() -> SocketAddr {
    loop {
        let port = 12_000 + u16::try_from(random::<u64>() % 8_000).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

const ORGANIZATION: &str = "an organization";
const OTHER: &str = "another, by kind";
const EVERYONE: &str = "everyone";

/// Clients that go on from the ends of empty feeds: all that happens is a transition to them.
async fn watchers(site: &Site, other: &str, url: &str) -> Vec<Resumer> {
    let (admin, operator) = (site.admin.token.clone().unwrap(), site.server.operator().await);
    let operator = operator.token.unwrap();
    let query = "subscription($organization: ID) { jobUpdates(organizationId: $organization) {
        type cursor } }";
    let mut watchers = Vec::new();
    for (name, token, organization) in [
        (ORGANIZATION, &admin, Some(site.organization.as_str())),
        (OTHER, &admin, Some(other)),
        (EVERYONE, &operator, None),
    ] {
        let mut socket = site.server.socket(token).await;
        socket.subscribe("1", query, json!({ "organization": organization })).await;
        let synced = socket.data().await["jobUpdates"].clone();
        assert_eq!(synced["type"], "SYNCED");
        // In one word: a cursor may begin with a dash.
        let after = format!("--after={}", synced["cursor"].as_str().unwrap());
        let kind = ["--kind=EXPORT"];
        let kind = if name == OTHER { &kind[..] } else { &[] };
        let rest = [&[after.as_str()], kind].concat();
        watchers.push(Resumer::start(name, url, token, organization.unwrap_or("-"), &rest));
    }
    watchers
}

async fn transitions(site: &Site) -> usize {
    let count = job_event::Entity::find().count(&site.db).await.unwrap();
    usize::try_from(count).unwrap()
}

/// Keeps jobs going until it is stopped, and cancels some; how many.
async fn call(
    client: &Client,
    site: &Site,
    organizations: [&String; 2],
    stopped: &watch::Receiver<bool>,
) -> usize {
    let cancel = "mutation($input: CancelJobInput!) { cancelJob(input: $input) {
        userErrors { code } } }";
    let mut canceled = 0;
    while !*stopped.borrow() {
        if site.unfinished().await >= BACKLOG {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let id = start_surely(client, organizations[random::<u64>() as usize % 2]).await;
        if random::<u64>().is_multiple_of(8) {
            surely(client, cancel, json!({ "jobId": id })).await;
            canceled += 1;
        }
    }
    canceled
}

/// Asserts that a client received what happened, by the table and by the API, and that enough faults hit it.
async fn check(site: &Site, name: &str, rounds: usize, printed: &Printed) {
    let told = printed.transitions();
    let organizations: Vec<_> = organizations(site).await;
    let watched = match name {
        ORGANIZATION => &organizations[..1],
        OTHER => &organizations[1..],
        _ => &organizations[..],
    };
    let happened = happened(site, watched).await;
    let only: Vec<_> = told.iter().map(|(_, transition)| transition.clone()).collect();
    let Tally { lost, twice, out_of_order } = tally(&only, &happened);
    println!(
        "{name}: {} disconnects, {} connections ended by the server, {} transitions checked, \
         {lost} lost, {twice} twice, {out_of_order} out of order",
        printed.cuts(),
        printed.closed(),
        happened.len()
    );
    assert!(only == happened && (lost, twice, out_of_order) == (0, 0, 0), "{name}");
    let least = if name == EVERYONE { TRANSITIONS } else { TRANSITIONS / 8 };
    assert!(printed.cuts() >= rounds * CUTS && happened.len() >= rounds * least, "too few");
    if let [organization] = watched {
        assert_eq!(by_job(told), by_api(&site.admin, organization).await, "{name}");
    }
}

async fn organizations(site: &Site) -> Vec<String> {
    let data =
        site.admin.query("{ viewer { memberships { organization { id slug } } } }", json!({}));
    let data = data.await;
    let mut organizations: Vec<_> = data["viewer"]["memberships"].as_array().unwrap().clone();
    organizations.sort_by_key(|membership| membership["organization"]["slug"].to_string());
    let id = |membership: &Value| membership["organization"]["id"].as_str().unwrap().to_owned();
    organizations.iter().map(id).collect()
}

/// Returns the stored events of these organizations, in the order of the feed.
async fn happened(site: &Site, organizations: &[String]) -> Vec<Transition> {
    let events = job_event::Entity::find().order_by_asc(job_event::Column::Feed);
    let mut happened = Vec::new();
    for event in events.all(&site.db).await.unwrap() {
        let organization = GlobalId::Organization(event.organization_id).to_string();
        if !organizations.contains(&organization) {
            continue;
        }
        let id = GlobalId::Job { organization_id: event.organization_id, id: event.job_id };
        happened.push(Transition {
            job: id.to_string(),
            from: event.from_state.map(|state| state.to_value()),
            to: event.to_state.to_value(),
            attempt: event.attempt.into(),
        });
    }
    happened
}

type ByJob = HashMap<String, Vec<(String, Transition)>>;

fn by_job(told: Vec<(String, Transition)>) -> ByJob {
    let mut jobs = ByJob::new();
    for (cursor, transition) in told {
        jobs.entry(transition.job.clone()).or_default().push((cursor, transition));
    }
    jobs
}

/// `Job.transitions` of all jobs of an organization, with their cursors.
async fn by_api(client: &Client, organization: &str) -> ByJob {
    let query = "query($id: ID!, $after: String) {
        jobs(organizationId: $id, first: 50, after: $after) {
            nodes { id transitions { cursor from to attempt } } pageInfo { hasNextPage endCursor }
        } }";
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (mut jobs, mut after) = (ByJob::new(), Value::Null);
    loop {
        let page = client.query(query, json!({ "id": organization, "after": after })).await;
        for node in page["jobs"]["nodes"].as_array().unwrap() {
            let job = text(&node["id"]).unwrap();
            let transition = |transition: &Value| {
                let cursor = text(&transition["cursor"]).unwrap();
                let (from, to) = (text(&transition["from"]), text(&transition["to"]).unwrap());
                let attempt = transition["attempt"].as_i64().unwrap();
                (cursor, Transition { job: job.clone(), from, to, attempt })
            };
            let transitions = node["transitions"].as_array().unwrap().iter().map(transition);
            let transitions = transitions.collect();
            jobs.insert(job, transitions);
        }
        if page["jobs"]["pageInfo"]["hasNextPage"] == false {
            return jobs;
        }
        after = page["jobs"]["pageInfo"]["endCursor"].clone();
    }
}
