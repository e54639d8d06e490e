//! Reads the parameters of a GraphQL request from its body or its URL.

use axum::extract::{Query, Request};
use http::{HeaderMap, StatusCode, Uri, header};
use serde::{Deserialize, de::DeserializeOwned};

use crate::http::{
    admission::{RateLimitKey, TooMany},
    body,
    body_limits::Credential,
    json,
    operation::Client,
    parameters::{Parameters, Raw, from_object},
    state::State,
};

const JSON: &str = "application/json";

/// Reason why a request can't be read, without any of its content.
pub(super) enum Malformed {
    Request { status: StatusCode, message: String },
    TooMany(TooMany),
}

impl Malformed {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Request { status, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

/// Reads the parameters from a body that `client` sent.
///
/// # Errors
/// Fails if the media type is wrong, the body is too long, too slow or not a JSON object of
/// parameters, or no memory is free in time.
pub(super) async fn from_body(
    state: &State,
    client: &Client,
    request: Request,
) -> Result<Parameters, Malformed> {
    check_media_type(request.headers())
        .map_err(|message| Malformed::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))?;
    let key = client.rate_limit_key();
    let limits = body::Limits {
        credential: credential(&key),
        rate_limit_key: &key,
        budget: &state.budget,
        document_bytes: state.server_limits.fixed.document.bytes,
        timeout: state.server_limits.fixed.body_timeout,
    };
    let body = body::read(request, &limits).await.map_err(|refusal| match refusal {
        body::Refusal::Malformed { status, message } => Malformed::new(status, message),
        body::Refusal::TooMany(too_many) => Malformed::TooMany(too_many),
    })?;
    let held = state.budget.values(&key, body.measure).await.map_err(Malformed::TooMany)?;
    let parameters = from_object::<Parameters>(&body.bytes);
    let parameters = parameters.map_err(|error| Malformed::bad(malformed(&error)))?;
    Ok(Parameters { held: Some(held), ..parameters })
}

fn credential(key: &RateLimitKey) -> Credential {
    match key {
        RateLimitKey::Credential(_) => Credential::Held,
        RateLimitKey::Address(_) => Credential::None,
    }
}

/// Accepts uncompressed JSON in UTF-8 only, so that browsers ask first before sending it to other sites.
fn check_media_type(headers: &HeaderMap) -> Result<(), &'static str> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = value.unwrap_or_default().split(';').map(str::trim);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(JSON)) {
        return Err("The Content-Type must be application/json");
    }
    let charset = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    if charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        return Err("The charset must be utf-8");
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err("Content-Encoding is not supported; send the JSON uncompressed");
    }
    Ok(())
}

fn malformed(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => {
            "The body must be a JSON object with `query` and optionally `operationName`, \
             `variables` and `extensions`; batches are not supported"
                .to_owned()
        }
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => {
            let said = error.to_string();
            // Matches serde's text, since the error has no kind for this.
            let is_half = said.contains("surrogate") || said.contains("hex escape");
            let reason = if is_half { ": an escape is only half of a surrogate pair" } else { "" };
            let (line, column) = (error.line(), error.column());
            format!("The body is not valid JSON at line {line}, column {column}{reason}")
        }
    }
}

/// Parameters in a URL, where `variables` and `extensions` are JSON texts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UrlParameters {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// Reads the parameters from a URL that `client` sent; none if there is no document in it.
///
/// # Errors
/// Fails if the parameters can't be read or have too many values, or no memory is free in time.
pub(super) async fn from_url(
    state: &State,
    client: &Client,
    url: &Uri,
) -> Result<Option<Parameters>, Malformed> {
    let key = client.rate_limit_key();
    // No value has more bytes as JSON than it has in the URL, whatever its encoding.
    let query = url.query().unwrap_or_default();
    let mut measure = json::Measure { bytes: query.len(), ..json::Measure::default() };
    if let Ok(Query(UrlParameters { query, variables, extensions, .. })) = Query::try_from_uri(url)
    {
        measure.marks = json::marks(query.unwrap_or_default().as_bytes());
        for text in [variables, extensions].into_iter().flatten() {
            let of_text = json::measure(text.as_bytes());
            measure.containers += of_text.containers;
            measure.scalars += of_text.scalars;
        }
    }
    let too_many = |message| Malformed::new(StatusCode::PAYLOAD_TOO_LARGE, message);
    measure.check(credential(&key)).map_err(too_many)?;
    let held = state.budget.values(&key, measure).await.map_err(Malformed::TooMany)?;
    let parameters = read_url(url)?;
    Ok(parameters.map(|parameters| Parameters { held: Some(held), ..parameters }))
}

fn read_url(url: &Uri) -> Result<Option<Parameters>, Malformed> {
    let parameters = Query::<UrlParameters>::try_from_uri(url);
    let Query(UrlParameters { query, document_id, operation_name, variables, extensions }) =
        parameters.map_err(|_| Malformed::bad("The URL's parameters can't be read"))?;
    let json = |name| Malformed::bad(format!("The parameter `{name}` must be a JSON object"));
    let raw = Raw {
        query,
        document_id,
        // Some clients send an empty name if they have none.
        operation_name: operation_name.filter(|name| !name.is_empty()),
        variables: json_parameter(variables).map_err(|_| json("variables"))?,
        extensions: json_parameter(extensions).map_err(|_| json("extensions"))?,
    };
    Ok(Parameters::try_from(raw).ok())
}

fn json_parameter<T: DeserializeOwned>(text: Option<String>) -> serde_json::Result<Option<T>> {
    let text = text.filter(|text| !text.is_empty());
    text.map_or(Ok(None), |text| serde_json::from_str(&text))
}
