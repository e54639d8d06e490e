//! Access: viewers, and what they may do in each organization.
//!
//! A credential names a subject ([`Viewer`]). What the subject may do is stored in the database and
//! read at each use, so that revoking it takes effect at once. `enter` turns both into a
//! [`Scope`], the only way to a tenant's rows, the same for HTTP, WebSocket and command line.

pub mod api_key;
mod live;
mod scope;
pub mod subject;
pub mod token;
mod viewer;

pub use api_key::Authenticator;
pub(crate) use live::LiveAccess;
pub(crate) use live::revalidate;
pub(crate) use scope::enter;
pub use scope::{Scope, holds, is_operator};
pub(crate) use scope::{is_granted, may_have_job_done};
pub use viewer::{Authority, HostUser, Viewer};
