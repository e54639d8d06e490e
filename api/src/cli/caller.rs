//! The person who runs the command line: the subject of `--as`, or the operating system's user.

use anyhow::Result;
use daybook_service::{Viewer, access::HostUser};
use nix::unistd::{Uid, User};

use crate::config::Config;

/// The user whose name `sudo` hides.
const SUDO_USER: &str = "SUDO_USER";

/// Whoever runs this command, as the log names them.
///
/// # Errors
/// A subject of `--as` that nobody can have.
pub(super) fn viewer(config: &Config) -> Result<Viewer> {
    let user = HostUser { name: user_name(), host: host_name() };
    Ok(Viewer::on_host(user, config.acts_as.as_deref())?)
}

/// The user's name in the operating system's database, or the number of one who is not in it.
fn user_name() -> String {
    let id = Uid::current();
    // Whoever is not root may say anything there.
    let behind_sudo = std::env::var(SUDO_USER).ok().filter(|_| id.is_root());
    let behind_sudo = behind_sudo.and_then(|name| User::from_name(&name).ok().flatten());
    let user = behind_sudo.or_else(|| User::from_uid(id).ok().flatten());
    user.map_or_else(|| id.to_string(), |user| user.name)
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}
