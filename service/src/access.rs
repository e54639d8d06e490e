//! Who asks, and what they may do where.
//!
//! A credential names a subject ([`Viewer`]); what the subject may do is in the database and read
//! at each use, so that taking it away works at once. [`enter`] turns both into a [`Scope`], the
//! only door to a tenant's rows, the same for HTTP, WebSocket and command line.

pub mod api_key;
mod live;
mod scope;
pub mod subject;
pub mod token;

pub use api_key::Authenticator;
pub(crate) use live::LiveAccess;
pub(crate) use live::question;
pub(crate) use scope::enter;
pub use scope::{Authority, HostUser, Scope, Viewer, holds, is_operator};
pub(crate) use scope::{is_granted, may_have_job_done};
