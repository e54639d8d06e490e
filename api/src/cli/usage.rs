//! Reads the command line. Errors name a setting as the user gave it: by its flag or its variable.

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::{Arg, Command, CommandFactory, FromArgMatches, ValueEnum, error::ErrorKind};

use super::{command::Cli, report, settings::by_variable};
use crate::{
    config::{LogFormat, heading},
    redact,
};

/// Reads the command line.
///
/// # Errors
/// Returns the exit code after help, version or an error has been printed.
pub(super) fn parse() -> Result<Cli, ExitCode> {
    let parsed = command().try_get_matches();
    let error = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => {
            report::set_format(cli.config.log_format);
            return Ok(cli);
        }
        Err(error) => error,
    };
    if !error.use_stderr() {
        // Help or version. A closed standard output is not a failure.
        let _ = write!(io::stdout(), "{}", shown(&error, io::stdout().is_terminal()));
        return Err(ExitCode::SUCCESS);
    }
    if let Some(format) = log_format() {
        report::set_format(format);
    }
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help && !report::is_for_programs() {
        let _ = write!(io::stderr(), "{}", shown(&error, io::stderr().is_terminal()));
        return Err(ExitCode::from(2));
    }
    let text = by_variable(&error.to_string());
    let text = text.trim_end().strip_prefix("error: ").unwrap_or(text.trim_end());
    report::complain(text);
    Err(ExitCode::from(2))
}

/// Builds the command line. Every command accepts every setting, since all can have one environment, but shows only
/// those that it uses.
fn command() -> Command {
    let command = Cli::command();
    let settings: Vec<_> =
        command.get_arguments().filter(|setting| setting.is_global_set()).cloned().collect();
    command.mut_subcommands(|subcommand| {
        let is_process = ["serve", "worker"].contains(&subcommand.get_name());
        let is_used = |setting: &&Arg| match setting.get_help_heading() {
            Some(heading::NODE | heading::CLUSTER) => true,
            Some(heading::COMMANDS) => !is_process,
            _ => is_process,
        };
        let unused = settings.iter().filter(|setting| !is_used(setting));
        let unused: Vec<_> = unused.map(|setting| setting.clone().hide(true)).collect();
        subcommand.args(unused)
    })
}

/// Text of clap's error, with possible secrets redacted.
fn shown(error: &clap::Error, is_terminal: bool) -> String {
    let text = error.render();
    redact::text(&if is_terminal { text.ansi().to_string() } else { text.to_string() })
}

/// Finds the log format on a command line that can't be parsed as a whole.
fn log_format() -> Option<LogFormat> {
    let mut arguments = env::args().skip_while(|argument| !argument.starts_with("--log-format"));
    let flag = match arguments.next() {
        Some(flag) => flag.split_once('=').map(|(_, value)| value.to_owned()).or(arguments.next()),
        None => None,
    };
    let given = flag.or_else(|| env::var("DAYBOOK_LOG_FORMAT").ok())?;
    LogFormat::from_str(&given, false).ok()
}
