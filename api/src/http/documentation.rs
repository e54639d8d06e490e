//! Documentation that the server serves: its schema, and the specification of its scalars.

use axum::{
    extract,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use super::{problem::Problem, state::State};
use crate::graphql::{code, sdl};

const SCALARS: &str = include_str!("../../docs/scalars.md");

/// `GET /schema.graphql`: the schema in GraphQL's definition language. Where GraphiQL and introspection
/// are switched off, so is this.
pub(super) async fn schema(extract::State(state): extract::State<State>) -> Response {
    if state.server_limits.graphiql {
        return text("application/graphql; charset=utf-8", sdl());
    }
    let detail = "This server does not publish its schema.".into();
    Problem { status: StatusCode::NOT_FOUND, code: code::NOT_FOUND, detail }.into_response()
}

/// `GET /docs/scalars`: the specification of the custom scalars, in Markdown.
pub(super) async fn scalars() -> Response {
    text("text/plain; charset=utf-8", SCALARS.to_owned())
}

fn text(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
