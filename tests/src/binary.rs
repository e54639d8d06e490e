//! The `daybook` binary as a user runs it.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// Returns the path of the binary that `cargo build` made beside this one.
#[must_use]
pub fn path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().find(|folder| folder.join("daybook").is_file());
    folder.expect("run `cargo build` first: the tests run the daybook binary").join("daybook")
}

/// Returns the binary with its data in `folder` and without settings from this environment.
#[must_use]
pub fn daybook(folder: &std::path::Path) -> Command {
    let mut command = Command::new(path());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DAYBOOK_")) {
        command.env_remove(name);
    }
    command.env("DAYBOOK_DATA_DIR", folder).env("DAYBOOK_LOG", "warn");
    command
}

/// Returns the binary with the database and the secret of a running server.
#[must_use]
pub fn daybook_of(server: &crate::TestServer) -> Command {
    let mut command = daybook(server.folder());
    command.env("DAYBOOK_DATABASE_URL", server.database.daybook_url());
    if let Some(secret) = &server.config.secret {
        command.env("DAYBOOK_SECRET", secret);
    }
    command
}

/// Runs a command that must succeed, and returns its standard output without the last line break.
pub fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Returns the standard output of a run.
#[must_use]
pub fn stdout_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[must_use]
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
