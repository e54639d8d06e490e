//! Limits on the size of an answer: a page has megabytes, and a document asks for it as often as it
//! likes.

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

/// Most bytes of one answer, or of one event of a subscription.
pub(super) const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Most bytes of all answers of a process, from when they are made until they are sent.
const MAX_ANSWERS_BYTES: usize = 96 * 1024 * 1024;
/// An answer that is shorter is made however many there are.
const MAX_SHORT_ANSWER_BYTES: usize = 1024 * 1024;
/// Most errors of one answer.
pub const MAX_ANSWER_ERRORS: usize = 50;
/// Bytes that each value counts beside its text: it takes several times that in memory.
const VALUE_BYTES: usize = 24;

/// Bytes of all answers of a process.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<AtomicUsize>);

impl Answers {
    /// A new answer's part of them.
    #[must_use]
    pub fn part(&self) -> AnswerPart {
        AnswerPart(Arc::new(Part { all: Arc::clone(&self.0), own: AtomicUsize::new(0) }))
    }
}

/// One answer's part of all answers' bytes, given back when it is dropped.
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
    /// Runs `execution` for as long as its answer is not too large. What is under way then is dropped.
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

    /// Counts what a field has resolved to. It does not return once that is too much.
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
        "The answer has more than {MAX_ANSWER_BYTES} bytes: ask for fewer items or fields at once. \
         What a mutation has done stays done"
    );
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code::BAD_USER_INPUT);
    error
}

fn too_much() -> ServerError {
    let message = "All answers under way have too many bytes: try again later, or ask for fewer \
                   items or fields at once. What a mutation has done stays done";
    let mut error = ServerError::new(message, None);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", code::RATE_LIMITED);
    extensions.set(code::RETRY_AFTER, 1);
    error
}

/// Bytes that a field adds to what is below it, which has been counted.
pub(super) fn resolved_bytes(field: &Field, path: &QueryPathNode<'_>, value: &Value) -> usize {
    if field.selection_set.node.items.is_empty() {
        // A list's items are counted with their list.
        let is_item = matches!(path.segment, QueryPathSegment::Index(_));
        return if is_item { 0 } else { json_bytes(value) };
    }
    match value {
        // With a value each for the type's name, which nobody resolves.
        Value::Object(fields) => {
            fields.keys().map(|key| text_bytes(key) + VALUE_BYTES).sum::<usize>() + VALUE_BYTES
        }
        _ => VALUE_BYTES,
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
    content + VALUE_BYTES
}

/// Length of a text as JSON writes it.
fn text_bytes(text: &str) -> usize {
    let length = |byte| match byte {
        0..=0x1f => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(length).sum()
}
