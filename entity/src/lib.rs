//! Daybook's rows as they are stored: sea-orm entities, their keys and enums, nothing else.
//!
//! Every tenant table's key begins with the organization. Times are UTC to the microsecond, JSON
//! is kept as the text that was hashed and exported, hashes are raw bytes.

pub mod api_key;
pub mod artifact;
pub mod artifact_store;
pub mod audit_log;
pub mod audit_log_head;
pub mod clock_step;
pub mod hold;
pub mod import_line;
pub mod import_run;
pub mod instance;
pub mod job;
pub mod job_event;
pub mod job_feed;
pub mod membership;
pub mod note;
pub mod operator;
pub mod organization;
pub mod recording;
pub mod restore;
pub mod retention;
mod tenant_table;
pub mod workspace;

pub use tenant_table::TenantTable;
