//! Defaults of options.

use clap::{Args, Command};

/// Default values of options, whatever the command line and the environment say.
pub(super) fn defaults<T: Args>() -> T {
    let command = T::augment_args(Command::new("daybook")).mut_args(|arg| arg.env(None));
    T::from_arg_matches(&command.get_matches_from(["daybook"])).expect("each option has a default")
}
