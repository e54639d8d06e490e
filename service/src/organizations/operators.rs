//! Operators: subjects that run the instance. Each change is an entry of the instance's own log.

use std::sync::Arc;

use daybook_entity::{
    operator,
    organization::{self, INSTANCE},
};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryOrder};

use crate::{
    Core, Permission, Result, Scope, Viewer,
    access::{self, enter, is_operator, subject},
    audit::{self, NewEntry, Resource},
    database, input,
};

/// Returns the instance's own organization, or none if `viewer` is not an operator.
///
/// # Errors
/// A database fault.
pub async fn instance(core: &Arc<Core>, viewer: &Viewer) -> Result<Option<organization::Model>> {
    if !is_operator(core, &viewer.subject).await? {
        return Ok(None);
    }
    Ok(organization::Entity::find_by_id(INSTANCE).one(core.db.reader()).await?)
}

/// Makes `subject` an operator, unless it is one already.
///
/// # Errors
/// The subject or e-mail is out of bounds; a database fault.
pub async fn add(
    core: &Arc<Core>,
    viewer: &Viewer,
    subject: &str,
    email: Option<&str>,
) -> Result<()> {
    subject::check(subject, &["subject"])?;
    if let Some(email) = email {
        subject::check_email(email, &["email"])?;
    }
    let scope = enter(core, viewer, INSTANCE, Permission::AddOperators, &[]).await?;
    let context = (scope, subject.to_owned(), email.map(str::to_owned));
    let added = core.db.transaction(context, |tx, (scope, subject, email)| {
        Box::pin(async move {
            if operator::Entity::find_by_id(subject).one(tx).await?.is_some() {
                return Ok(());
            }
            let operator = operator::Model {
                subject: subject.clone(),
                email: email.clone(),
                created_at: database::now(tx, &scope.core().clock).await?,
            };
            operator.into_active_model().insert(tx).await?;
            audit::append_own(tx, scope, entry(scope, "operator.added", subject)).await
        })
    });
    added.await
}

/// Removes `subject` from the operators. Returns false if it was none. Once this returns, this
/// process delivers nothing more with those permissions.
///
/// # Errors
/// The subject is not valid; a database fault.
pub async fn remove(core: &Arc<Core>, viewer: &Viewer, subject: &str) -> Result<bool> {
    input::check_text(subject, &["subject"])?;
    let scope = enter(core, viewer, INSTANCE, Permission::RemoveOperators, &[]).await?;
    let context = (scope, subject.to_owned());
    let removed = core.db.transaction(context, |tx, (scope, subject)| {
        Box::pin(async move {
            let deleted = operator::Entity::delete_by_id(subject).exec(tx).await?;
            if deleted.rows_affected == 0 {
                return Ok(false);
            }
            audit::append_own(tx, scope, entry(scope, "operator.removed", subject)).await?;
            Ok(true)
        })
    });
    let removed = removed.await;
    access::revalidate(core, INSTANCE, subject);
    removed
}

/// Returns all operators, by subject.
///
/// # Errors
/// A database fault.
pub async fn list(core: &Core) -> Result<Vec<operator::Model>> {
    let operators = operator::Entity::find().order_by_asc(operator::Column::Subject);
    Ok(operators.all(core.db.reader()).await?)
}

fn entry(scope: &Scope, action: &str, subject: &str) -> NewEntry {
    let resource = Resource { r#type: "operator".to_owned(), id: subject.to_owned(), name: None };
    NewEntry::by(scope.viewer(), action, resource)
}
