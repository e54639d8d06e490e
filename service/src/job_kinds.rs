//! The kinds of jobs that Daybook runs.

use crate::{
    backups, exports,
    jobs::{Kinds, RegisteredKind},
};

/// All kinds of jobs. A new kind needs a type that implements [`crate::jobs::Kind`], a line here,
/// and a GraphQL type.
pub const ALL: Kinds =
    Kinds(&[RegisteredKind::new::<exports::Export>(), RegisteredKind::new::<backups::Backup>()]);
