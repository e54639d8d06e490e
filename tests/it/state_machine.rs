//! The state machine of jobs, against a model of it: whatever is done, in whatever order.
//!
//! Each case makes an organization and takes random steps in it: requests, claims, heartbeats, ends
//! by the right claims and by stale ones, time that passes. After each step all that is stored must
//! be what the model says. Of a case that fails, the fewest steps that fail are shown. The suite takes
//! the same steps each time, as far as times and ids let it; where `DAYBOOK_TEST_ROUNDS` sets how many
//! cases, they are others each time.

mod attempt;
mod check;
mod drive;
mod model;
mod step;

use std::{cell::RefCell, collections::BTreeMap};

use chrono::{DateTime, Utc};
use daybook_entity::{job_feed, membership::Role};
use daybook_service::{Permission, Scope, Viewer, access::Authority, permission::JobWork, tenancy};
use daybook_tests::{Backend, TestServer, entry, json, raw_organization};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use sea_orm::{DatabaseConnection, EntityTrait};
use uuid::Uuid;

use crate::faults::{random, rounds};
use attempt::Held;
use model::Model;
use step::{SUBJECTS, Step, steps};

/// Cases in the suite.
const CASES: usize = 22;
/// Seed of the suite's random steps.
const SEED: [u8; 32] = [0; 32];
/// Cases that share a database.
const SHARED: usize = 100;
/// Records of each export.
const RECORDS: i64 = 3;
/// Longest time that fewer steps are looked for, in milliseconds.
const SHRINK: u32 = 60_000;

#[test]
fn jobs_go_the_ways_of_the_model_on_sqlite() {
    run(Backend::Sqlite);
}

#[test]
fn jobs_go_the_ways_of_the_model_on_postgres() {
    run(Backend::Postgres);
}

/// Counts of what the cases did.
#[derive(Debug, Default)]
struct Figures {
    cases: usize,
    steps: usize,
    jobs: usize,
    replayed: usize,
    refused: usize,
    beats: usize,
    /// Ends by attempts that had lost their job.
    stale: usize,
    /// Jobs that failed at their last attempt.
    given_up: usize,
    expired: usize,
    pruned: usize,
    transitions: BTreeMap<&'static str, usize>,
}

/// An organization and its model.
struct Case<'a> {
    server: &'a TestServer,
    db: &'a DatabaseConnection,
    figures: &'a mut Figures,
    organization: String,
    organization_id: Uuid,
    /// Of each subject; used on where the subject has lost its role.
    scopes: Vec<Scopes>,
    has_role: [bool; SUBJECTS.len()],
    attempts: Vec<Held>,
    model: Model,
    /// Number of the model's events that have been compared.
    checked: usize,
    /// Number of the feed's last event at the start.
    feed: i64,
    /// Sequence up to which the log has been compared.
    sequence: i64,
}

/// A subject's scopes, one for each right that the steps use.
struct Scopes {
    export: Scope,
    retry: Scope,
    cancel: Scope,
}

/// A server without a worker, for some cases.
struct Site {
    server: TestServer,
    db: DatabaseConnection,
    cases: usize,
}

fn run(backend: Backend) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = rounds(CASES);
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_time: SHRINK,
        ..Config::default()
    };
    let (figures, site) = (RefCell::new(Figures::default()), RefCell::new(None));
    let seed = if cases == CASES { SEED } else { random_seed() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps(), |steps| {
        // Taken out, so that a case that fails leaves its database to nobody.
        let taken = site.take();
        let left = runtime.block_on(tenancy::system(case(
            backend,
            taken,
            &mut figures.borrow_mut(),
            &steps,
        )))?;
        site.replace(Some(left));
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(reason, steps)) => {
            let steps: Vec<_> = steps.iter().map(|step| format!("{step:?}")).collect();
            panic!("{reason}\nafter these steps:\n{}", steps.join("\n"));
        }
        outcome => outcome.unwrap(),
    }
    runtime.block_on(site.take().unwrap().finish());
    figures.into_inner().report(backend, cases);
}

fn random_seed() -> [u8; 32] {
    std::array::from_fn(|_| random::<u64>().to_le_bytes()[0])
}

async fn case(
    backend: Backend,
    site: Option<Site>,
    figures: &mut Figures,
    steps: &[Step],
) -> Result<Site, TestCaseError> {
    let mut site = match site {
        Some(site) if site.cases < SHARED => site,
        Some(site) => {
            site.finish().await;
            Site::new(backend).await
        }
        None => Site::new(backend).await,
    };
    site.cases += 1;
    let outcome = Case::new(&site, figures).await.run(steps).await;
    if let Err(error) = outcome {
        site.discard().await;
        return Err(error);
    }
    Ok(site)
}

impl Site {
    async fn new(backend: Backend) -> Self {
        // No export is waited for.
        let change =
            |config: &mut daybook_api::config::Config| config.testing.export_inline_records = 0;
        let server = TestServer::start_idle_with(backend, change).await;
        let db = server.database.connect().await;
        Self { server, db, cases: 0 }
    }

    async fn finish(self) {
        self.db.close().await.unwrap();
        self.server.finish().await;
    }

    /// Stops without a look at what is left: that is wrong already.
    async fn discard(self) {
        self.db.close().await.unwrap();
        daybook_api::server::stop(self.server.instance()).await.unwrap();
        self.server.database.drop().await;
    }
}

impl<'a> Case<'a> {
    async fn new(site: &'a Site, figures: &'a mut Figures) -> Self {
        let Site { server, db, cases } = site;
        let organization = server.organization(&format!("case-{cases}")).await;
        let organization_id = raw_organization(&organization);
        let mut scopes = Vec::new();
        for subject in SUBJECTS {
            server.set_member(&organization, subject, Role::Auditor).await;
            let authority = Authority::Token { expires_at: DateTime::<Utc>::MAX_UTC };
            let viewer = Viewer { authority, ..Viewer::command_line(subject) };
            let enter = async |permission| {
                let instance = server.instance();
                instance.enter(&viewer, organization_id, permission, &[]).await.unwrap()
            };
            scopes.push(Scopes {
                export: enter(Permission::ExportAuditLog).await,
                retry: enter(Permission::RetryJobs(JobWork::ExportAuditLog)).await,
                cancel: enter(Permission::CancelJobs(JobWork::ExportAuditLog)).await,
            });
        }
        let entries: Vec<_> = (0..RECORDS).map(|index| entry(&format!("test.{index}"))).collect();
        let writer = server.client(&organization, Role::Writer).await;
        writer.record_entries(&organization, json!(entries)).await;
        let feed = job_feed::Entity::find_by_id(1).one(db).await.unwrap().unwrap().feed;
        Self {
            server,
            db,
            figures,
            organization,
            organization_id,
            scopes,
            has_role: [true; SUBJECTS.len()],
            attempts: Vec::new(),
            model: Model::default(),
            checked: 0,
            feed,
            sequence: 0,
        }
    }
}

impl Case<'_> {
    async fn run(mut self, steps: &[Step]) -> Result<(), TestCaseError> {
        for step in steps {
            if self.take(step).await? {
                self.check().await?;
                self.figures.steps += 1;
            }
        }
        self.tidy_up().await?;
        self.figures.cases += 1;
        Ok(())
    }
}

impl Figures {
    /// Says what was done; a generator that does next to nothing does not pass.
    fn report(self, backend: Backend, cases: usize) {
        println!("model of jobs on {backend:?}: {self:?}");
        let Self { transitions, .. } = &self;
        assert!(self.cases >= cases, "cases");
        let often = |what: &str, count: usize, least: usize| {
            assert!(count * 10 >= least * cases, "{what}: {count} in {cases} cases");
        };
        if cases < CASES {
            // Too few to expect anything.
            return;
        }
        // In ten cases. A half of what is usual at the most, since cases differ much.
        often("steps", self.steps, 150);
        often("transitions", transitions.values().sum(), 75);
        for verb in ["requested", "started", "canceled"] {
            often(verb, transitions.get(verb).copied().unwrap_or(0), 8);
        }
        for verb in ["succeeded", "failed", "retried", "interrupted", "rescued"] {
            often(verb, transitions.get(verb).copied().unwrap_or(0), 1);
        }
        for (what, count) in [
            ("replayed", self.replayed),
            ("refused", self.refused),
            ("beats", self.beats),
            ("stale", self.stale),
            ("pruned", self.pruned),
        ] {
            often(what, count, 1);
        }
        assert!(self.expired > 0 && self.given_up > 0, "expired, or given up: {self:?}");
    }
}
