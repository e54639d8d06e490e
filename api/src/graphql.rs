//! The GraphQL API, divided by domain, then by role. GraphQL types wrap rows field by field; a row
//! is never itself an API type.

mod answer;
mod audit_log;
mod backup;
mod context;
mod document;
mod error;
mod export;
mod job;
mod node;
mod note;
mod nullable;
mod organization;
mod page;
mod scalar;
mod viewer;

use std::sync::Arc;

use async_graphql::{MergedObject, MergedSubscription, SchemaBuilder, ValidationMode};
use daybook_service::Instance;

pub use answer::{AnswerPart, Answers, MAX_ANSWER_ERRORS};
pub use context::Caller;
pub use document::{Document, Documents, GivenVariables, Refusal, take_cursor};
pub use error::code;
pub use note::BodyAllowance;

/// The root of all queries.
#[derive(MergedObject, Default)]
pub struct Query(
    viewer::ViewerQuery,
    // Before nodes, since the order of interfaces in the printed schema is that of registration.
    job::query::JobQuery,
    node::NodeQuery,
    organization::query::OrganizationQuery,
    audit_log::query::AuditLogQuery,
    audit_log::activity::AuditLogActivityQuery,
    export::query::ExportQuery,
);

/// The root of all mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(
    audit_log::mutation::AuditLogMutation,
    export::mutation::ExportMutation,
    backup::mutation::BackupMutation,
    job::mutation::JobMutation,
    organization::mutation::OrganizationMutation,
    note::mutation::NoteMutation,
);

/// The root of all subscriptions.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    audit_log::subscription::AuditLogSubscription,
    job::subscription::JobSubscription,
);

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// Returns the schema over an instance.
#[must_use]
pub fn schema(instance: Arc<Instance>) -> Schema {
    builder().data(instance).extension(nullable::NullableErrors).finish()
}

/// Returns the schema in the schema definition language.
#[must_use]
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by();
    builder().finish().sdl_with_options(options)
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<job::interface::JobIsANode>()
        .override_output_type_description::<organization::api_key::ApiKeyConnection>(
            "A page of an organization's API keys.",
        )
        .override_output_type_description::<audit_log::types::AuditLogConnection>(
            "A page of an organization's audit log.",
        )
        .override_output_type_description::<job::list::JobConnection>(
            "A page of the jobs of an organization, or of all organizations.",
        )
        .override_output_type_description::<organization::member::MemberConnection>(
            "A page of an organization's members.",
        )
        .override_output_type_description::<note::types::NoteConnection>(
            "A page of a workspace's notes.",
        )
        .override_output_type_description::<note::types::WorkspaceConnection>(
            "A page of an organization's workspaces.",
        )
        // Documents are measured and validated before they get here, and are not checked again.
        .validation_mode(ValidationMode::Fast)
        .limit_recursive_depth(usize::MAX)
        .disable_suggestions()
}
