//! The state that all handlers share.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use daybook_service::Instance;

use super::{
    admission::Admission, artifact::LinkClients, budget::Budget, origin::Origins, proxies::Proxies,
    readiness::Readiness, trusted::Trusted,
};
use crate::{
    config::ServerLimits,
    graphql::{Answers, Documents, Schema},
};

/// State that all handlers share.
#[derive(Clone)]
pub(super) struct State {
    pub(super) instance: Arc<Instance>,
    pub(super) schema: Schema,
    pub(super) documents: Arc<Documents>,
    pub(super) trusted: Arc<Trusted>,
    pub(super) server_limits: Arc<ServerLimits>,
    /// Interval between heartbeats on an idle event stream.
    pub(super) stream_heartbeat: Duration,
    pub(super) admission: Arc<Admission>,
    pub(super) link_clients: Arc<LinkClients>,
    pub(super) budget: Arc<Budget>,
    pub(super) answers: Answers,
    pub(super) readiness: Arc<Readiness>,
    pub(super) origins: Arc<Origins>,
    pub(super) proxies: Arc<Proxies>,
    /// Operation names that have a label of their own in metrics.
    pub(super) operations: Arc<BTreeSet<String>>,
}
