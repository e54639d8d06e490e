//! Confirmation before entries are removed permanently.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use daybook_entity::hold;
use daybook_service::retention::Preview;

use crate::cli::{
    output::say,
    report::{inform, is_for_programs},
};

/// Options of commands that may remove entries.
#[derive(Args, Debug)]
pub(in crate::cli) struct Consent {
    /// Remove entries without asking for confirmation
    #[arg(long)]
    yes: bool,
    /// Print which entries would be removed, and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// Entries that a command is about to remove from a log.
pub(super) struct Removal {
    /// Entries that are old enough to be removed; none if there are none.
    pub(super) preview: Option<Preview>,
    /// Holds that keep the entries nevertheless.
    pub(super) holds: Vec<hold::Model>,
    /// True if the entries would stay without this command.
    pub(super) is_new: bool,
}

/// Outcome of the confirmation.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Make the change.
    Act,
    /// Change nothing, since only a preview was requested.
    OnlyShow,
}

impl Consent {
    /// Shows which entries would be removed, and asks for confirmation if there are any.
    ///
    /// # Errors
    /// Fails if the user refuses, or there is no terminal to ask on.
    pub(super) fn ask(&self, removal: &Removal) -> Result<Decision> {
        let text = removal.describe();
        if self.dry_run {
            say(&text)?;
            return Ok(Decision::OnlyShow);
        }
        if removal.preview.is_some() {
            inform(&text);
        }
        if removal.removes_nothing() || self.yes {
            return Ok(Decision::Act);
        }
        if !io::stdin().is_terminal() || is_for_programs() {
            bail!("nothing was changed; repeat the command with --yes to remove these entries");
        }
        if is_agreed()? { Ok(Decision::Act) } else { bail!("nothing was changed") }
    }
}

impl Removal {
    fn removes_nothing(&self) -> bool {
        self.preview.is_none() || !self.holds.is_empty() || !self.is_new
    }

    fn describe(&self) -> String {
        let Some(preview) = &self.preview else {
            return "no entry is old enough to be removed; age counts from recordedAt".to_owned();
        };
        let Preview { entries, first_sequence, last_sequence, .. } = preview;
        let (from, to) = (shown(preview.first_recorded_at), shown(preview.last_recorded_at));
        let entries = match entries {
            1 => "1 entry".to_owned(),
            entries => format!("{entries} entries"),
        };
        let what = format!(
            "{entries}, sequence {first_sequence} to {last_sequence}, recorded between {from} and \
             {to} (age counts from recordedAt)"
        );
        if self.holds.is_empty() {
            return format!("{what}, will be permanently removed within a day");
        }
        let holds = self.holds.iter().map(|hold| format!("{} ({})", hold.name, hold.reason));
        let holds = holds.collect::<Vec<_>>().join(", ");
        format!("{what}, are old enough to be removed, but are kept by these holds: {holds}")
    }
}

fn shown(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[allow(clippy::print_stderr, reason = "asks the user")]
fn is_agreed() -> Result<bool> {
    eprint!("Remove these entries? Type yes to continue: ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}
