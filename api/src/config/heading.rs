//! Headings of `--help`, which are also the chapters of `api/docs/settings.md`. Each names what its settings are
//! about, and thereby who decides on them.

/// Settings of any process, even the only one.
pub(crate) const NODE: &str = "One node";
/// Settings of an instance with several processes, and of what they share.
pub(crate) const CLUSTER: &str = "A cluster";
/// Quotas and lifetimes of files.
pub(crate) const EXPORTS_AND_BACKUPS: &str = "Exports and backups";
/// Source of users and their roles.
pub(crate) const OPENID_PROVIDER: &str = "OpenID provider";
/// Pages, documents and networks that may use the API.
pub(crate) const CLIENTS: &str = "Clients";
/// Limits of one process.
pub(crate) const LIMITS: &str = "Limits";
/// Settings of commands other than `serve` and `worker`.
pub(crate) const COMMANDS: &str = "Commands";
