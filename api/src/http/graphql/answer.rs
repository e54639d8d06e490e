//! Responses of GraphQL over HTTP: status, media type and headers.

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
    /// Builds the response of an operation. A request that was not executed (no `data` at all) gets 400
    /// if the client accepts GraphQL's own media type, and 200 otherwise.
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

    /// Builds the response to a well-formed request that is not executed, as for [`Accept::answer`].
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

    /// Builds an error response with a fixed status, for any media type.
    pub(super) fn error(self, status: StatusCode, code: &'static str, message: &str) -> Response {
        self.errors(status, vec![errors::error(code, message)])
    }

    /// Builds the response to a request that could not be read.
    pub(super) fn malformed(self, malformed: &Malformed) -> Response {
        match malformed {
            Malformed::Request { status, message } => {
                self.error(*status, code::BAD_USER_INPUT, message)
            }
            Malformed::TooMany(too_many) => self.refuse(errors::too_many(*too_many)),
        }
    }

    /// Builds the response of a request error, without `data` (GraphQL, section 7.1).
    fn errors(self, status: StatusCode, errors: Vec<ServerError>) -> Response {
        let body = serde_json::json!({ "errors": errors }).to_string();
        let mut response = (status, body).into_response();
        self.describe(&mut response);
        response
    }

    /// Sets the headers that describe `response`.
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
