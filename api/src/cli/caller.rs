//! The user who runs a command: the subject of `--as`, or the operating system's user.

use anyhow::Result;
use daybook_service::{Viewer, access::HostUser};
use nix::unistd::{Uid, User};

use crate::config::Config;

/// Variable in which `sudo` passes on the name of the user who called it.
const SUDO_USER: &str = "SUDO_USER";

/// Returns the viewer for the user who runs this command.
///
/// # Errors
/// Fails if `--as` is not a valid subject.
pub(super) fn viewer(config: &Config) -> Result<Viewer> {
    let user = HostUser { name: user_name(), host: host_name() };
    Ok(Viewer::on_host(user, config.acts_as.as_deref())?)
}

/// Name of the operating system's user, or the user ID if there is no name for it.
fn user_name() -> String {
    let id = Uid::current();
    // Only trusted for root, since any other user can set the variable at will.
    let behind_sudo = std::env::var(SUDO_USER).ok().filter(|_| id.is_root());
    let behind_sudo = behind_sudo.and_then(|name| User::from_name(&name).ok().flatten());
    let user = behind_sudo.or_else(|| User::from_uid(id).ok().flatten());
    user.map_or_else(|| id.to_string(), |user| user.name)
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}
