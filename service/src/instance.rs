//! What one Daybook process holds.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Clock, Database, Metrics, Nats, Notifier, Result, Secret, Viewer,
    access::{
        api_keys::KeyUses,
        oidc::{Oidc, Provider},
    },
    artifacts::Store,
    audit::Recorder,
    backups, binding, database, job_kinds,
    jobs::{Finisher, Kinds, UnreadableJobs},
    notifier, random,
    subscription_limit::SubscriptionCounts,
};

/// What an operator can set, and what the program says of itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where users reach this instance, without a slash at the end: links begin with it.
    pub public_url: String,
    /// Most records of one export; more need a next piece.
    pub export_max_records: u64,
    /// Most records of an export that is waited for.
    pub export_inline_records: u64,
    /// Exports that an organization may start in an hour; with 0 none.
    pub exports_per_hour: u32,
    /// How long an artifact can be downloaded.
    pub artifact_ttl: Duration,
    /// Most backups that an organization, or the operators, may ask for in an hour.
    pub backups_per_hour: u32,
    /// When backups of the whole instance are made by themselves, if they are.
    pub backup_schedule: Option<backups::Schedule>,
    /// The kinds of jobs that this process knows.
    pub job_kinds: Kinds,
    /// Attempts that this process runs at once.
    pub job_concurrency: usize,
    /// How long transitions of jobs are kept.
    pub job_history: Duration,
    /// Most subscriptions of one organization in this process.
    pub organization_subscriptions: usize,
    /// Most operations of one WebSocket.
    pub socket_operations: usize,
    /// How long an attempt may be silent before its job goes to another.
    pub job_lease: Duration,
    /// An OpenID provider whose tokens are believed, if there is one.
    pub oidc: Option<Oidc>,
    /// What carries bells between processes in place of PostgreSQL, if it does.
    pub nats: Option<Nats>,
    /// Folder for temporary files, which have no names.
    pub scratch: PathBuf,
    /// The migrations that this build knows, of whose schema it can make a whole backup.
    pub migrations: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            export_max_records: 10_000,
            export_inline_records: 1_000,
            exports_per_hour: 10,
            artifact_ttl: Duration::from_secs(24 * 3600),
            backups_per_hour: 10,
            backup_schedule: None,
            job_kinds: job_kinds::ALL,
            job_concurrency: 4,
            job_history: Duration::from_secs(30 * 24 * 3600),
            organization_subscriptions: 1_000,
            socket_operations: 100,
            job_lease: Duration::from_secs(30),
            oidc: None,
            nats: None,
            scratch: std::env::temp_dir(),
            migrations: Vec::new(),
        }
    }
}

/// What one process holds: connections, keys, bells, tasks. Nothing in it is truth.
#[derive(Debug)]
pub struct Instance {
    /// The truth.
    pub db: Database,
    /// The time.
    pub clock: Clock,
    /// Signs tokens, links and cursors.
    pub secret: Secret,
    /// The files.
    pub store: Store,
    /// What an operator can set.
    pub settings: Settings,
    /// Who waits for news.
    pub notifier: Notifier,
    /// Everything that runs beside requests: stopping waits for it.
    pub tasks: TaskTracker,
    /// Set when the process is asked to stop.
    pub stopping: CancellationToken,
    /// This process, new at each start.
    pub node: String,
    /// What it has counted.
    pub metrics: Metrics,
    pub(crate) recorder: Recorder,
    pub(crate) finisher: Finisher,
    pub(crate) job_kinds: Kinds,
    pub(crate) unreadable_jobs: UnreadableJobs,
    pub(crate) subscriptions: SubscriptionCounts,
    pub(crate) key_uses: KeyUses,
    pub(crate) provider: Option<Provider>,
}

impl Instance {
    /// Puts an instance together on a migrated database, and makes sure that the secret is the one
    /// that the database was made with.
    ///
    /// # Errors
    /// Another secret; a database fault.
    pub async fn open(
        db: Database,
        secret: Secret,
        store: Store,
        settings: Settings,
        clock: Clock,
    ) -> Result<Arc<Self>> {
        let instance = Self::assemble(db, secret, store, settings, clock);
        binding::bind(&instance).await?;
        backups::settle(&instance).await?;
        let Self { db, tasks, notifier, stopping, .. } = &*instance;
        let stopping = || stopping.clone();
        tasks.spawn(database::keep_log_short(db.clone(), stopping()));
        if let Some(nats) = instance.settings.nats.clone() {
            let subjects = notifier::Subjects::new(&instance.secret, &instance.node);
            tasks.spawn(notifier::relay_by_nats(notifier.clone(), nats, subjects, stopping()));
        } else if let Some(pool) = db.bells() {
            tasks.spawn(notifier::relay_by_postgres(notifier.clone(), pool, stopping()));
        }
        Ok(instance)
    }

    /// Binds a database whose secret was lost to `secret`, in the name of `viewer`, and revokes all API
    /// keys, which nobody can verify any more. How many keys were revoked.
    ///
    /// # Errors
    /// A database that is not bound to another secret; a database fault.
    pub async fn adopt(
        db: Database,
        secret: Secret,
        store: Store,
        settings: Settings,
        clock: Clock,
        viewer: &Viewer,
    ) -> Result<usize> {
        let instance = Self::assemble(db, secret, store, settings, clock);
        let revoked = binding::adopt(&instance, viewer).await?;
        instance.stop().await?;
        Ok(revoked)
    }

    fn assemble(
        db: Database,
        secret: Secret,
        store: Store,
        settings: Settings,
        clock: Clock,
    ) -> Arc<Self> {
        let provider = settings.oidc.clone().map(Provider::new);
        let job_kinds = settings.job_kinds;
        Arc::new(Self {
            db,
            secret: secret.with_clock(clock.clone()),
            clock,
            store,
            settings,
            notifier: Notifier::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            node: uuid::Uuid::from_bytes(random::bytes()).simple().to_string(),
            metrics: Metrics::default(),
            recorder: Recorder::default(),
            finisher: Finisher::default(),
            job_kinds,
            unreadable_jobs: UnreadableJobs::default(),
            subscriptions: SubscriptionCounts::default(),
            key_uses: KeyUses::default(),
            provider,
        })
    }

    /// Stops in order: no new work, running work finishes or goes back, connections close.
    ///
    /// # Errors
    /// A database fault while closing.
    pub async fn stop(&self) -> Result<()> {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.db.clone().close().await
    }
}
