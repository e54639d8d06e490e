//! Answers of GraphQL over HTTP: status, media type, headers, and bounds on what errors say.

use async_graphql::ServerError;
use async_graphql_axum::GraphQLResponse;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::{
    accept::{Accept, Kind},
    incoming::Malformed,
    sent::Sent,
};
use crate::{
    graphql::code,
    http::{errors, operation::Answer},
};

impl Accept {
    /// An answer of the executor. A request that was not run (no `data` at all) is a 400 for
    /// clients that ask for GraphQL's own media type, and a 200 for those from before it.
    pub(super) fn answer(self, Answer { response, part }: Answer) -> Response {
        if errors::is_refusal(&response) {
            return self.refuse(response.errors);
        }
        let mut response = GraphQLResponse::from(response).into_response();
        if let Some(part) = part {
            response = response.map(|body| Sent::body(body, part));
        }
        self.describe(&mut response);
        response
    }

    /// A well-formed request that is not run, as [`Accept::answer`] says it.
    pub(super) fn refuse(self, errors: Vec<ServerError>) -> Response {
        if let Some(seconds) = errors::retry_after(&errors) {
            let mut response = self.errors(StatusCode::TOO_MANY_REQUESTS, errors);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            return response;
        }
        let status = match self.kind {
            Kind::GraphQLResponse => StatusCode::BAD_REQUEST,
            Kind::Json => StatusCode::OK,
        };
        self.errors(status, errors)
    }

    /// A request that can't be run, whatever the client takes.
    pub(super) fn error(self, status: StatusCode, code: &'static str, message: &str) -> Response {
        self.errors(status, vec![errors::error(code, message)])
    }

    /// A request that could not be read.
    pub(super) fn malformed(self, malformed: &Malformed) -> Response {
        match malformed {
            Malformed::Request { status, message } => {
                self.error(*status, code::BAD_USER_INPUT, message)
            }
            Malformed::TooMany(too_many) => self.refuse(errors::too_many(*too_many)),
        }
    }

    /// A request error: no `data`, not even null (GraphQL, section 7.1).
    fn errors(self, status: StatusCode, errors: Vec<ServerError>) -> Response {
        let body = serde_json::json!({ "errors": errors }).to_string();
        let mut response = (status, body).into_response();
        self.describe(&mut response);
        response
    }

    /// Says in `response`'s headers what it is.
    fn describe(self, response: &mut Response) {
        let kind = match self.kind {
            Kind::GraphQLResponse => "application/graphql-response+json; charset=utf-8",
            Kind::Json => "application/json; charset=utf-8",
        };
        for (name, value) in [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-store"),
            (header::VARY, "accept"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
}
