//! Limits on the size of an answer. A page can have megabytes, and a document can select any number
//! of pages.

use std::{
    future::{self, Future},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use async_graphql::{
    QueryPathNode, QueryPathSegment, Response, ServerError, Value, parser::types::Field,
};

use super::error::code;

/// Maximum bytes of one answer, or of one event of a subscription: 16 MiB.
pub(super) const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Maximum bytes of all answers of a process that are being made or sent: 96 MiB.
const MAX_ANSWERS_BYTES: usize = 96 * 1024 * 1024;
/// Answers of at most this many bytes (1 MiB) are made regardless of how many others there are.
const MAX_SHORT_ANSWER_BYTES: usize = 1024 * 1024;
/// Maximum number of errors in one answer.
pub const MAX_ANSWER_ERRORS: usize = 50;
/// Bytes that each value counts beside its text, since it takes several times that in memory.
const VALUE_OVERHEAD_BYTES: usize = 24;

/// The bytes of all answers of a process.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<AtomicUsize>);

impl Answers {
    /// Returns the share of a new answer.
    #[must_use]
    pub fn part(&self) -> AnswerPart {
        AnswerPart(Arc::new(Part { all: Arc::clone(&self.0), own: AtomicUsize::new(0) }))
    }
}

/// The share of one answer in the bytes of all answers. Released when it is dropped.
#[derive(Clone, Debug)]
pub struct AnswerPart(Arc<Part>);

#[derive(Debug)]
struct Part {
    all: Arc<AtomicUsize>,
    own: AtomicUsize,
}

impl AnswerPart {
    fn add(&self, bytes: usize) {
        self.0.own.fetch_add(bytes, Ordering::Relaxed);
        self.0.all.fetch_add(bytes, Ordering::Relaxed);
    }

    fn is_too_much(&self) -> bool {
        self.0.own.load(Ordering::Relaxed) > MAX_SHORT_ANSWER_BYTES
            && self.0.all.load(Ordering::Relaxed) > MAX_ANSWERS_BYTES
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.own.get_mut(), Ordering::Relaxed);
    }
}

/// The size of an answer while it is made.
#[derive(Debug, Default)]
pub(super) struct AnswerSize(AtomicUsize);

impl AnswerSize {
    /// Runs `execution` until its answer exceeds a limit. Resolvers that still run are then
    /// dropped.
    pub(super) async fn bounded(
        &self,
        part: Option<&AnswerPart>,
        execution: impl Future<Output = Response>,
    ) -> Response {
        self.0.store(0, Ordering::Relaxed);
        let mut execution = pin!(execution);
        future::poll_fn(|cx| {
            let polled = execution.as_mut().poll(cx);
            if self.is_exceeded() {
                return Poll::Ready(Response::from_errors(vec![too_large()]));
            }
            if part.is_some_and(AnswerPart::is_too_much) {
                return Poll::Ready(Response::from_errors(vec![too_much()]));
            }
            polled
        })
        .await
    }

    /// Counts the value of a resolved field. Never returns once a limit is exceeded.
    pub(super) async fn add(&self, part: Option<&AnswerPart>, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        part.into_iter().for_each(|part| part.add(bytes));
        if self.is_exceeded() || part.is_some_and(AnswerPart::is_too_much) {
            future::pending::<()>().await;
        }
    }

    fn is_exceeded(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MAX_ANSWER_BYTES
    }
}

fn too_large() -> ServerError {
    let message = format!(
        "The response exceeds {MAX_ANSWER_BYTES} bytes: request fewer items or fields at once. \
         Changes that a mutation has made are kept"
    );
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code::BAD_USER_INPUT);
    error
}

fn too_much() -> ServerError {
    let message = "The responses in progress exceed the server's memory limit: try again later, or \
                   request fewer items or fields at once. Changes that a mutation has made are kept";
    let mut error = ServerError::new(message, None);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", code::RATE_LIMITED);
    extensions.set(code::RETRY_AFTER, 1);
    error
}

/// Returns the bytes that a field adds to those of its subfields, which have been counted.
pub(super) fn resolved_bytes(field: &Field, path: &QueryPathNode<'_>, value: &Value) -> usize {
    if field.selection_set.node.items.is_empty() {
        // The items of a list are counted with the list.
        let is_item = matches!(path.segment, QueryPathSegment::Index(_));
        return if is_item { 0 } else { json_bytes(value) };
    }
    match value {
        // Each field counts a value here, too, because that of `__typename` is not resolved.
        Value::Object(fields) => {
            fields.keys().map(|key| text_bytes(key) + VALUE_OVERHEAD_BYTES).sum::<usize>()
                + VALUE_OVERHEAD_BYTES
        }
        _ => VALUE_OVERHEAD_BYTES,
    }
}

fn json_bytes(value: &Value) -> usize {
    let content = match value {
        Value::String(text) => text_bytes(text),
        Value::List(values) => values.iter().map(json_bytes).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| text_bytes(key) + json_bytes(value)).sum()
        }
        Value::Binary(bytes) => 4 * bytes.len(),
        Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Enum(_) => 0,
    };
    content + VALUE_OVERHEAD_BYTES
}

/// Returns the length of a text in JSON, in bytes.
fn text_bytes(text: &str) -> usize {
    let length = |byte| match byte {
        0..=0x1f => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(length).sum()
}
