//! From a request's parameters to an operation that can be run, the same for every transport.

use std::{net::IpAddr, sync::Arc};

use async_graphql::{Request, Response, ServerError, parser::types::OperationType};
use daybook_service::{Error, Viewer, tenancy, workload};
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use http::HeaderMap;
use tokio::time::Instant;

use super::{
    State,
    admission::{RateLimitKey, Running, Standing, TooMany},
    budget::Reservation,
    credential, errors,
    parameters::Parameters,
    request::Correlation,
};
use crate::graphql::{AnswerPart, BodyAllowance, Caller, Document};

/// Who asks, over whichever transport.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Whom the credential names, where there is one.
    pub(super) viewer: Option<Viewer>,
    /// Where the connection comes from.
    pub(super) address: IpAddr,
}

impl Client {
    /// Who sends a request with these headers.
    ///
    /// # Errors
    /// A credential that does not hold; a database fault.
    pub(super) async fn of(
        state: &State,
        headers: &HeaderMap,
        correlation: &Correlation,
    ) -> Result<Self, Error> {
        let viewer = credential::from_headers(&state.instance, headers, correlation).await?;
        Ok(Self { viewer, address: correlation.address })
    }

    /// Whoever sends a request, whose credential may not hold.
    pub(super) fn sender(client: Option<&Self>, correlation: &Correlation) -> Self {
        let stranger = || Self { viewer: None, address: correlation.address };
        client.cloned().unwrap_or_else(stranger)
    }

    pub(super) fn rate_limit_key(&self) -> RateLimitKey {
        match &self.viewer {
            Some(viewer) => RateLimitKey::Credential(viewer.subject.clone()),
            None => RateLimitKey::Address(self.address),
        }
    }
}

/// An operation that can be run.
pub(super) struct Operation {
    /// What it is.
    pub(super) kind: OperationType,
    request: Request,
    /// What metrics call it.
    metric: String,
    /// None for subscriptions, which have limits of their own.
    running: Option<Running>,
    /// What its reads are counted for.
    workload: workload::Operation,
    /// Its answer's part of all answers; none of a subscription, which has one event at a time.
    answer: Option<AnswerPart>,
    /// Its part of the memory that requests may take; a subscription's is small.
    _held: Option<Reservation>,
}

/// What an operation answers, counted until it is sent.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) part: Option<AnswerPart>,
}

/// Counts a request of `client`.
///
/// # Errors
/// Too many a second.
pub(super) fn admit(state: &State, client: &Client) -> Result<Option<Standing>, TooMany> {
    let Some(viewer) = &client.viewer else { return Ok(None) };
    state.admission.credential(&viewer.subject)
}

/// The document that `parameters` hold.
///
/// # Errors
/// Why it is not run.
pub(super) fn document(
    state: &State,
    parameters: &Parameters,
) -> Result<Arc<Document>, Vec<ServerError>> {
    let text = state.trusted.text(&parameters.source)?;
    state.documents.get(text).map_err(errors::all)
}

/// What `parameters` ask for, on behalf of `client`.
///
/// # Errors
/// Why it is not run.
pub(super) fn prepare(
    state: &State,
    client: &Client,
    document: &Document,
    parameters: Parameters,
) -> Result<Operation, Vec<ServerError>> {
    let Parameters { source: _, operation_name, variables, held } = parameters;
    let name = operation_name.as_deref();
    let request = state.documents.request(document, name, variables.unwrap_or_default());
    operation(state, client, document, name, request.map_err(errors::all)?, held)
}

/// The same, whose answers have cursors, to go on `after` one.
///
/// # Errors
/// Why it is not run.
pub(super) fn resume(
    state: &State,
    client: &Client,
    document: &Document,
    parameters: Parameters,
    after: Option<&str>,
) -> Result<Operation, Vec<ServerError>> {
    let Parameters { source: _, operation_name, variables, held } = parameters;
    let name = operation_name.as_deref();
    let variables = variables.unwrap_or_default();
    let request = state.documents.resumable_request(document, name, variables, after);
    operation(state, client, document, name, request.map_err(errors::all)?, held)
}

fn operation(
    state: &State,
    client: &Client,
    document: &Document,
    name: Option<&str>,
    request: Request,
    held: Option<Reservation>,
) -> Result<Operation, Vec<ServerError>> {
    // There is exactly one, or there would be no request.
    let kind = document.kinds(name).next().unwrap_or(OperationType::Query);
    let running = match kind {
        OperationType::Subscription => {
            if let Some(held) = &held {
                held.check_subscription()?;
            }
            None
        }
        OperationType::Query | OperationType::Mutation => {
            Some(state.admission.begin(client.rate_limit_key()).map_err(errors::too_many)?)
        }
    };
    let key = client.rate_limit_key().to_string();
    let workload = match kind {
        OperationType::Query => workload::Operation::query(key),
        OperationType::Mutation => workload::Operation::mutation(key),
        OperationType::Subscription => workload::Operation::subscription(key),
    };
    let known = name.or_else(|| document.only_name()).and_then(|name| state.operations.get(name));
    let metric = known.map_or_else(|| "other".to_owned(), Clone::clone);
    let mut request = request.data(Caller(client.viewer.clone())).data(BodyAllowance::default());
    let answer = (kind != OperationType::Subscription).then(|| state.answers.part());
    if let Some(answer) = &answer {
        request = request.data(answer.clone());
    }
    Ok(Operation { kind, request, metric, running, workload, answer, _held: held })
}

impl Operation {
    /// Runs a query or mutation to its answer. One that takes too long is not waited for: what it
    /// had committed stays.
    pub(super) async fn run(self, state: &State) -> Answer {
        let Self { kind, request, metric, running, workload, answer, _held } = self;
        let began = Instant::now();
        let patience = state.server_limits.execution_timeout;
        let execution = workload.run(tenancy::closed(state.schema.execute(request)));
        let executed = tokio::time::timeout(patience, execution).await;
        drop(running);
        let mut response = executed.unwrap_or_else(|_| {
            let patience = humantime::format_duration(patience);
            let message = format!("The operation did not end within {patience}");
            Response::from_errors(vec![errors::timeout(&message)])
        });
        errors::bound(&mut response.errors);
        let kind = match kind {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        };
        let metrics = &state.instance.metrics;
        metrics.operation(&metric, kind, response.errors.is_empty(), began.elapsed());
        Answer { response, part: answer }
    }

    /// Runs it as far as its answers are taken; a query or mutation has one.
    pub(super) fn stream(self, state: &State) -> BoxStream<'static, Answer> {
        match self.kind {
            OperationType::Query | OperationType::Mutation => {
                let state = state.clone();
                stream::once(async move { self.run(&state).await }).boxed()
            }
            OperationType::Subscription => {
                let events = self.workload.run_stream(subscribe(self.request, state));
                events.map(|response| Answer { response, part: None }).boxed()
            }
        }
    }
}

fn subscribe(request: Request, state: &State) -> impl Stream<Item = Response> + use<> {
    tenancy::closed_stream(state.schema.execute_stream(request)).map(|mut response| {
        errors::bound(&mut response.errors);
        response
    })
}
