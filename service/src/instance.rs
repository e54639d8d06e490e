//! Assembles a process: its core, and the parts that belong to single modules of the domain.

use std::{ops::Deref, sync::Arc};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    Clock, Core, Database, Error, Metrics, Nats, Notifier, Permission, Result, Scope, Secret,
    Settings, Viewer,
    access::{self, Authenticator},
    audit::Recorder,
    backups, binding,
    core::JobKinds,
    database, job_kinds,
    jobs::{Kinds, Worker},
    notifier,
    oidc::{Oidc, Provider},
    random,
    store::Store,
    subscription_limit::SubscriptionCounts,
    tenancy,
};

/// All options of the domain that an operator can set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Limits and lifetimes.
    pub settings: Settings,
    /// The kinds of jobs that this process can run.
    pub job_kinds: Kinds,
    /// The schedule of backups of the whole instance; none makes no such backups.
    pub backup_schedule: Option<backups::Schedule>,
    /// The OpenID provider whose tokens are accepted; none accepts only Daybook's own tokens.
    pub oidc: Option<Oidc>,
    /// The NATS servers that carry notifications between processes; none uses PostgreSQL for that.
    pub nats: Option<Nats>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            job_kinds: job_kinds::ALL,
            backup_schedule: None,
            oidc: None,
            nats: None,
        }
    }
}

/// A process of Daybook: its [`Core`], and the parts that belong to single modules of the domain.
#[derive(Debug)]
pub struct Instance {
    /// The part that every function of the domain works with.
    pub core: Arc<Core>,
    /// Records entries, many of them in one transaction.
    pub recorder: Recorder,
    /// Verifies API keys.
    pub authenticator: Authenticator,
    /// Verifies tokens of the OpenID provider; none if there is no provider.
    pub provider: Option<Provider>,
    /// Claims jobs and runs their attempts.
    pub worker: Arc<Worker>,
    /// The schedule of backups; none if there are no scheduled backups.
    pub backup_schedule: Option<backups::Schedule>,
    /// True if NATS carries notifications between processes.
    pub has_nats: bool,
}

impl Deref for Instance {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Instance {
    /// Assembles a process on a migrated database. Binds a new database to the secret, and verifies
    /// that any other one is bound to it.
    ///
    /// # Errors
    /// The database is bound to another secret, or a database fault.
    pub async fn open(
        db: Database,
        secret: Secret,
        store: Store,
        options: Options,
        clock: Clock,
    ) -> Result<Arc<Self>> {
        let nats = options.nats.clone();
        let instance = Self::assemble(db, secret, store, options, clock);
        let core = &instance.core;
        tenancy::system(async {
            binding::bind(core).await?;
            backups::after_restore(core).await
        })
        .await?;
        let Core { db, tasks, notifier, stopping, .. } = &**core;
        let stopping = || stopping.clone();
        tasks.spawn(database::keep_wal_short(db.clone(), stopping()));
        if let Some(nats) = nats {
            let subjects = notifier::Subjects::new(&core.secret, &core.node);
            tasks.spawn(notifier::relay_by_nats(notifier.clone(), nats, subjects, stopping()));
        } else if let Some(pool) = db.notification_pool() {
            tasks.spawn(notifier::relay_by_postgres(notifier.clone(), pool, stopping()));
        }
        Ok(instance)
    }

    /// Binds a database whose secret was lost to `secret`, on behalf of `viewer`, and revokes all
    /// API keys, which can't be verified any more. Returns the number of revoked keys.
    ///
    /// # Errors
    /// The database is not bound to another secret, or a database fault.
    pub async fn adopt(
        db: Database,
        secret: Secret,
        store: Store,
        options: Options,
        clock: Clock,
        viewer: &Viewer,
    ) -> Result<usize> {
        let instance = Self::assemble(db, secret, store, options, clock);
        let revoked = binding::adopt(&instance.core, viewer).await?;
        instance.stop().await?;
        Ok(revoked)
    }

    fn assemble(
        db: Database,
        secret: Secret,
        store: Store,
        options: Options,
        clock: Clock,
    ) -> Arc<Self> {
        let Options { settings, job_kinds, backup_schedule, oidc, nats } = options;
        let core = Arc::new(Core {
            db,
            secret: secret.with_clock(clock.clone()),
            clock,
            store,
            settings,
            notifier: Notifier::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            node: Uuid::from_bytes(random::bytes()).simple().to_string(),
            metrics: Metrics::default(),
            job_kinds: JobKinds::new(job_kinds.about()),
            subscriptions: SubscriptionCounts::default(),
        });
        Arc::new(Self {
            recorder: Recorder::new(&core),
            authenticator: Authenticator::default(),
            provider: oidc.map(Provider::new),
            worker: Arc::new(Worker::new(Arc::clone(&core), job_kinds)),
            backup_schedule,
            has_nats: nats.is_some(),
            core,
        })
    }

    /// Lets `viewer` enter an organization with one permission. If the viewer's role lacks the
    /// permission, the refusal is recorded in the organization's log with the outcome DENIED.
    ///
    /// # Errors
    /// Not found, a role that does not permit it, or an expired credential; a database fault.
    pub async fn enter(
        &self,
        viewer: &Viewer,
        organization_id: Uuid,
        permission: Permission,
        path: &[&str],
    ) -> Result<Scope> {
        match access::enter(&self.core, viewer, organization_id, permission, path).await {
            Err(Error::Forbidden(permission)) => {
                let refused = (viewer, organization_id, permission);
                self.recorder.record_denial(&self.core, refused).await?;
                Err(Error::Forbidden(permission))
            }
            outcome => outcome,
        }
    }

    /// Stops the process in order: no new work begins, running work finishes or is given back, then
    /// connections close.
    ///
    /// # Errors
    /// A database fault while connections close.
    pub async fn stop(&self) -> Result<()> {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.db.clone().close().await
    }
}
