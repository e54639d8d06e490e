//! Answers of GraphQL over HTTP: status, media type, headers, and bounds on what errors say.

use async_graphql::{Response as GraphQLAnswer, ServerError};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::accept::{Accept, Kind};
use crate::{graphql::code, http::errors};

impl Accept {
    /// An answer of the executor. A request that was not run (no `data` at all) is a 400 for
    /// clients that ask for GraphQL's own media type, and a 200 for those from before it.
    pub(super) fn answer(self, mut answer: GraphQLAnswer) -> Response {
        if errors::is_refusal(&answer) {
            return self.refuse(answer.errors);
        }
        errors::bound(&mut answer.errors);
        match serde_json::to_string(&answer) {
            Ok(body) => self.respond(StatusCode::OK, body),
            Err(error) => {
                tracing::error!(%error, "an answer can't be written");
                let message = "Daybook failed; its log says why, under the request's id";
                self.error(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, message)
            }
        }
    }

    /// A well-formed request that is not run, as [`Accept::answer`] says it.
    pub(super) fn refuse(self, errors: Vec<ServerError>) -> Response {
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

    /// A request error: no `data`, not even null (GraphQL, section 7.1).
    fn errors(self, status: StatusCode, mut errors: Vec<ServerError>) -> Response {
        errors::bound(&mut errors);
        self.respond(status, serde_json::json!({ "errors": errors }).to_string())
    }

    fn respond(self, status: StatusCode, body: String) -> Response {
        let kind = match self.kind {
            Kind::GraphQLResponse => "application/graphql-response+json; charset=utf-8",
            Kind::Json => "application/json; charset=utf-8",
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::VARY, HeaderValue::from_static("accept")),
        ];
        (status, headers, body).into_response()
    }
}
