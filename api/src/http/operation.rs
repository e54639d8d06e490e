//! Turns a request's parameters into an operation and runs it, for every transport.

use std::{net::IpAddr, sync::Arc};

use async_graphql::{Request, Response, ServerError, parser::types::OperationType};
use daybook_service::{Error, Viewer, tenancy, workload};
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use http::HeaderMap;
use tokio::time::Instant;

use super::{
    admission::{RateLimitKey, RateLimitStatus, Running, TooMany},
    budget::Reservation,
    credential, errors,
    parameters::Parameters,
    request::Correlation,
    state::State,
};
use crate::graphql::{AnswerPart, BodyAllowance, Caller, Document};

/// The client of a request, over any transport.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Viewer that the credential identifies, if there is a credential.
    pub(super) viewer: Option<Viewer>,
    /// Address that the connection comes from.
    pub(super) address: IpAddr,
}

impl Client {
    /// Identifies the client of a request with these headers.
    ///
    /// # Errors
    /// Fails if the credential is not valid or the database fails.
    pub(super) async fn of(
        state: &State,
        headers: &HeaderMap,
        correlation: &Correlation,
    ) -> Result<Self, Error> {
        let viewer = credential::from_headers(&state.instance, headers, correlation).await?;
        Ok(Self { viewer, address: correlation.address })
    }

    /// Client that limits apply to: known only by its address if its credential is not valid.
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

/// An operation that is ready to run.
pub(super) struct Operation {
    /// Query, mutation or subscription.
    pub(super) kind: OperationType,
    request: Request,
    /// Name of the operation in metrics.
    metric: String,
    /// Count of running operations; none for subscriptions, which have limits of their own.
    running: Option<Running>,
    /// Workload that the operation's reads are counted for.
    workload: workload::Operation,
    /// Share of the memory of all responses; none for a subscription, which has one event at a time.
    answer: Option<AnswerPart>,
    /// Reserved memory of the request; small for a subscription.
    _held: Option<Reservation>,
}

/// Response of an operation, counted in memory until it is sent.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) part: Option<AnswerPart>,
}

/// Applies the rate limit of the client's credential.
///
/// # Errors
/// Fails if there are too many requests per second.
pub(super) fn admit(state: &State, client: &Client) -> Result<Option<RateLimitStatus>, TooMany> {
    let Some(viewer) = &client.viewer else { return Ok(None) };
    state.admission.credential(&viewer.subject)
}

/// Finds and validates the document that `parameters` name.
///
/// # Errors
/// Returns the reasons why the document can't be executed.
pub(super) fn document(
    state: &State,
    parameters: &Parameters,
) -> Result<Arc<Document>, Vec<ServerError>> {
    let text = state.trusted.text(&parameters.source)?;
    state.documents.get(text).map_err(errors::all)
}

/// Prepares the operation that `parameters` name, on behalf of `client`.
///
/// # Errors
/// Returns the reasons why the operation can't be executed.
pub(super) fn prepare(
    state: &State,
    client: &Client,
    document: &Document,
    parameters: Parameters,
) -> Result<Operation, Vec<ServerError>> {
    let Parameters { source: _, operation_name, variables, held } = parameters;
    let name = operation_name.as_deref();
    let request = state.documents.request(document, name, &variables.unwrap_or_default());
    operation(state, client, document, name, request.map_err(errors::all)?, held)
}

/// Prepares an operation whose events have cursors, to resume `after` one of them.
///
/// # Errors
/// Returns the reasons why the operation can't be executed.
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
    let request = state.documents.resumable_request(document, name, &variables, after);
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
    // A request exists only if the document has exactly one such operation.
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
    /// Runs a query or mutation until it responds or the execution timeout has passed. Changes that it
    /// had committed before the timeout stay.
    pub(super) async fn run(self, state: &State) -> Answer {
        let Self { kind, request, metric, running, workload, answer, _held } = self;
        let began = Instant::now();
        let limit = state.server_limits.execution_timeout;
        let execution = workload.clone().run(tenancy::closed(state.schema.execute(request)));
        let executed = tokio::time::timeout(limit, execution).await;
        drop(running);
        let mut response = executed.unwrap_or_else(|_| {
            let limit = humantime::format_duration(limit);
            let advice = workload.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
            let message = format!("The operation did not finish within {limit}{advice}");
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

    /// Runs the operation as its responses are polled; a query or mutation has one response.
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
