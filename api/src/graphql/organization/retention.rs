//! `Retention`, `Hold`.

use async_graphql::{Object, Result, SimpleObject};
use daybook_entity::hold;
use daybook_service::{Scope, retention};

use crate::graphql::{
    error::to_error,
    scalar::{BigInt, Instant},
};

/// The time for which an organization's log is kept.
pub(in crate::graphql) struct Retention {
    scope: Scope,
    days: Option<i32>,
    pruned: i64,
}

impl Retention {
    /// Of the scope's log.
    pub(super) async fn of(scope: Scope) -> Result<Self> {
        let found = retention::find(&scope).await.map_err(to_error)?;
        let (days, pruned) = found.map_or((None, 0), |found| (found.days, found.pruned));
        Ok(Self { scope, days, pruned })
    }
}

/// The time for which an organization's log is kept. Whoever runs the instance sets it (`daybook retention`,
/// `daybook hold`), and each change is an entry of the log. An entry's age counts from `recordedAt`,
/// whatever its `timestamp` says.
#[Object]
impl Retention {
    /// The number of days that an entry is kept, counted from its `recordedAt`; it is removed within a
    /// day after that. Null if entries are kept for ever.
    async fn days(&self) -> Option<i32> {
        self.days
    }

    /// Entries through this sequence have been removed; 0 where none was.
    async fn pruned_through_sequence(&self) -> BigInt {
        BigInt(self.pruned)
    }

    /// Reasons for which nothing of the log is removed, however old it is, by name.
    async fn holds(&self) -> Result<Vec<Hold>> {
        let holds = retention::holds(&self.scope).await.map_err(to_error)?;
        Ok(holds.into_iter().map(Hold::from).collect())
    }
}

/// A reason for which nothing of a log may be removed.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Hold {
    /// What it is called, such as a case's number: unique in the organization.
    name: String,
    /// Why, for people.
    reason: String,
    /// The subject that placed it.
    placed_by: String,
    /// When it was placed.
    placed_at: Instant,
}

impl From<hold::Model> for Hold {
    fn from(hold: hold::Model) -> Self {
        let hold::Model { organization_id: _, name, reason, placed_by, placed_at } = hold;
        Self { name, reason, placed_by, placed_at: placed_at.into() }
    }
}
