//! Rules for the values of an answer: nullable fields that fail are null, and the size is limited.
//!
//! In async-graphql 7.0.19, a nullable field that fails makes its parent null. The specification
//! (section 6.4.4) stops the error at the first nullable field: this extension puts null there and
//! keeps the error.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{
    Response, ServerError, ServerResult, Value,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, ResolveInfo,
    },
};

use super::answer::{AnswerPart, AnswerSize, MAX_ANSWER_ERRORS, resolved_bytes};

/// Creates a [`NullableErrorsOf`] for each request.
pub(super) struct NullableErrors;

impl ExtensionFactory for NullableErrors {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(NullableErrorsOf::default())
    }
}

/// The errors that were stopped at a nullable field of one request, and the size of its answer.
#[derive(Default)]
struct NullableErrorsOf {
    stopped: Mutex<Stopped>,
    size: AnswerSize,
}

/// As many errors as an answer contains, and the number of further errors.
#[derive(Default)]
struct Stopped {
    errors: Vec<ServerError>,
    left_out: usize,
}

impl Stopped {
    fn add(&mut self, error: ServerError) {
        if self.errors.len() < MAX_ANSWER_ERRORS {
            self.errors.push(error);
        } else {
            self.left_out += 1;
        }
    }

    fn into_errors(mut self) -> Vec<ServerError> {
        if self.left_out > 0 {
            let message = format!("… and {} more errors", self.left_out);
            self.errors.push(ServerError::new(message, None));
        }
        self.errors
    }
}

#[async_trait::async_trait]
impl Extension for NullableErrorsOf {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let part = ctx.data_opt::<AnswerPart>();
        let mut response = self.size.bounded(part, next.run(ctx, operation_name)).await;
        let stopped =
            std::mem::take(&mut *self.stopped.lock().unwrap_or_else(PoisonError::into_inner));
        response.errors.extend(stopped.into_errors());
        response
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let is_nullable = !info.return_type.ends_with('!');
        let (field, path) = (info.field, info.path_node);
        match next.run(ctx, info).await {
            Ok(value) => {
                if let Some(value) = &value {
                    let bytes = resolved_bytes(field, path, value);
                    self.size.add(ctx.data_opt::<AnswerPart>(), bytes).await;
                }
                Ok(value)
            }
            Err(error) if is_nullable => {
                self.stopped.lock().unwrap_or_else(PoisonError::into_inner).add(error);
                Ok(Some(Value::Null))
            }
            Err(error) => Err(error),
        }
    }
}
