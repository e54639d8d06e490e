//! Failing nullable fields become null.
//!
//! async-graphql 7.0.19 lets a failing nullable field null its parent. The specification (section
//! 6.4.4) stops the error at the first nullable field: this puts null there and keeps the error.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{
    Response, ServerError, ServerResult, Value,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, ResolveInfo,
    },
};

/// Makes a [`NullableErrorsOf`] for each request.
pub(super) struct NullableErrors;

impl ExtensionFactory for NullableErrors {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(NullableErrorsOf::default())
    }
}

/// The errors that were stopped at a nullable field of one request.
#[derive(Default)]
struct NullableErrorsOf(Mutex<Vec<ServerError>>);

#[async_trait::async_trait]
impl Extension for NullableErrorsOf {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let mut response = next.run(ctx, operation_name).await;
        let mut stopped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        response.errors.append(&mut stopped);
        response
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let is_nullable = !info.return_type.ends_with('!');
        match next.run(ctx, info).await {
            Err(error) if is_nullable => {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                Ok(Some(Value::Null))
            }
            outcome => outcome,
        }
    }
}
