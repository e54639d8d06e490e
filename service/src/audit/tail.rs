//! Watching the log: every entry that passes a filter, in sequence order, without loss or
//! repetition.
//!
//! A number becomes visible only together with all lower numbers, so "after *n*" is exact.

use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{audit_log, audit_log_head};
use futures::Stream;
use sea_orm::{ConnectionTrait, EntityTrait};

use super::{Filter, Order, list};
use crate::{
    Error, Fault, Permission, Result, Scope, Topic,
    database::WatcherTurn,
    follower::{Follower, Next, Round, Source},
    metrics,
    page::{self, Direction, Item, Part},
    workload,
};

/// Time for which a follower that has received everything need not check for removed entries.
/// Retention only removes entries that are at least a day old.
const RETENTION_UNCHECKED_FOR: RangeInclusive<TimeDelta> = TimeDelta::zero()..=TimeDelta::hours(1);
/// Maximum number of entries that one round reads.
const MAX_ROUND_ENTRIES: u64 = 200;

/// Watches the entries that pass `filter`, as they are recorded. Begins after the cursor `after`,
/// or now if there is none. The cursor is that of an entry of this tail, of a page of this log with
/// this filter in recorded order, or [`end`]'s. The stream ends with an error once the viewer's
/// right is revoked.
///
/// # Errors
/// A filter or cursor that can't be used; RATE_LIMITED if the organization has too many
/// subscriptions; a database fault.
pub async fn tail(
    scope: Scope,
    filter: Filter,
    after: Option<String>,
) -> Result<impl Stream<Item = Result<Item<audit_log::Model>>> + Send> {
    scope.require(Permission::ReadAuditLog)?;
    let problems = filter.problems(&["filter"]);
    if !problems.is_empty() {
        return Err(Error::Refused(problems));
    }
    let topic = Topic::AuditLog(scope.organization_id());
    let follower = Follower::subscribe(scope, topic)?;
    let scope = follower.scope();
    let turn = scope.core().db.watcher_turn().await;
    let position = match &after {
        Some(cursor) => {
            Position { sequence: resume(scope, &filter, cursor).await?, received_all_at: None }
        }
        None => {
            let received_all_at = Some(scope.core().clock.now());
            Position { sequence: head(scope).await?.sequence, received_all_at }
        }
    };
    drop(turn);
    Ok(follower.follow(Tail { filter }, position))
}

/// Returns a cursor from which a tail of this log, with any filter, misses nothing that is recorded
/// after this call. It is valid even if no entry passes the filter yet.
///
/// # Errors
/// A database fault.
pub async fn end(scope: &Scope) -> Result<String> {
    scope.require(Permission::ReadAuditLog)?;
    let head = head(scope).await?;
    // The end of an empty log belongs to every history, since all of them begin there.
    let fragment = if head.sequence == 0 { 0 } else { fragment_of(&head.hash) };
    Ok(seal(scope, head.sequence, fragment))
}

/// The entries of a log that pass a filter.
struct Tail {
    filter: Filter,
}

/// A place in a log.
#[derive(Copy, Clone, Debug)]
struct Position {
    /// Sequence up to which the log has been read.
    sequence: i64,
    /// Time at which everything had last been read; none if that was not yet the case.
    received_all_at: Option<DateTime<Utc>>,
}

impl Source for Tail {
    const FEED: metrics::Feed = metrics::Feed::AuditLog;
    type Position = Position;
    type Item = Item<audit_log::Model>;

    async fn read(
        &self,
        scope: &Scope,
        turn: WatcherTurn,
        position: Position,
    ) -> Result<Round<Position, Self::Item>> {
        let now = scope.core().clock.now();
        // Read the head first: all entries up to it are committed.
        let head = head(scope).await?.sequence;
        if head < position.sequence {
            return Err(other_history());
        }
        let at_head = Position { sequence: head, received_all_at: Some(now) };
        if head == position.sequence {
            return Ok(Round { items: Vec::new(), first_at: None, next: Next::Wait(at_head) });
        }
        let rows = self.rows(scope, turn, position, head).await?;
        let next = match rows.last() {
            Some(last) if rows.len() as u64 == MAX_ROUND_ENTRIES => {
                Next::Read(Position { sequence: last.sequence, ..position })
            }
            Some(_) | None => Next::Wait(at_head),
        };
        let first_at = rows.first().map(|first| first.recorded_at);
        let item = |node| Item { cursor: cursor(scope, &node), node };
        Ok(Round { items: rows.into_iter().map(item).collect(), first_at, next })
    }
}

impl Tail {
    /// Reads entries after `position`, up to `head`, in one round.
    async fn rows(
        &self,
        scope: &Scope,
        turn: WatcherTurn,
        position: Position,
        head: i64,
    ) -> Result<Vec<audit_log::Model>> {
        let (db, organization_id) = (scope.core().db.reader(), scope.organization_id());
        let keyset = list::keys(organization_id, &self.filter, Order::RecordedAsc);
        let after = Some(vec![Part::Number(position.sequence)]);
        let rows = list::after(&keyset, organization_id, &self.filter, head, after);
        let rows = rows.select(Direction::Forward, MAX_ROUND_ENTRIES, db.get_database_backend());
        let rows = rows.all(db);
        let is_scan =
            position.received_all_at.is_none() && list::is_scan(&self.filter, Order::RecordedAsc);
        // A scan reads past everything recorded since the cursor; turns are for followers that are
        // up to date.
        let _turn = (!is_scan).then_some(turn);
        let rows = if is_scan { workload::scan(rows).await? } else { rows.await? };
        check_kept(scope, position).await?;
        Ok(rows)
    }
}

/// Fails if entries after `position` have been removed, as seen after the rows were read. Nothing
/// is removed within a day, so a follower that has just received everything need not check, unless
/// the clock was set back since.
async fn check_kept(scope: &Scope, position: Position) -> Result<()> {
    let now = scope.core().clock.now();
    if position.received_all_at.is_some_and(|at| RETENTION_UNCHECKED_FOR.contains(&(now - at))) {
        return Ok(());
    }
    let db = scope.core().db.reader();
    let (pruned, _) = super::pruned(db, scope.organization_id()).await?;
    if position.sequence < pruned { Err(super::no_longer_kept(&["after"])) } else { Ok(()) }
}

async fn head(scope: &Scope) -> Result<audit_log_head::Model> {
    let head = audit_log_head::Entity::find_by_id(scope.organization_id());
    let head = head.one(scope.core().db.reader()).await?;
    Ok(head.ok_or_else(|| Fault::Missing("the log's head".to_owned()))?)
}

/// Returns the position of `cursor`, if the entry it was taken from is still the one there.
async fn resume(scope: &Scope, filter: &Filter, cursor: &str) -> Result<i64> {
    let secret = &scope.core().secret;
    let organization_id = scope.organization_id();
    if let Some(parts) = page::open(secret, &context(scope), cursor) {
        let [Part::Number(sequence), Part::Number(fragment)] = parts[..] else {
            return Err(not_a_cursor());
        };
        if sequence == 0 {
            return Ok(0);
        }
        let db = scope.core().db.reader();
        let (pruned, pruned_hash) = super::pruned(db, organization_id).await?;
        if sequence < pruned {
            return Err(super::no_longer_kept(&["after"]));
        }
        if sequence == pruned {
            let is_same = fragment_of(&pruned_hash) == fragment;
            return if is_same { Ok(sequence) } else { Err(other_history()) };
        }
        let entry = audit_log::Entity::find_by_id((organization_id, sequence));
        let entry = entry.one(scope.core().db.reader()).await?;
        let is_same = entry.is_some_and(|entry| fragment_of(&entry.hash) == fragment);
        return if is_same { Ok(sequence) } else { Err(other_history()) };
    }
    let orders = [Order::RecordedDesc, Order::RecordedAsc];
    let sequence = orders.into_iter().find_map(|order| {
        let keyset = list::keys(organization_id, filter, order);
        match page::open(secret, &keyset.context, cursor)?[..] {
            [Part::Number(sequence)] => Some(sequence),
            _ => None,
        }
    });
    sequence.ok_or_else(not_a_cursor)
}

fn cursor(scope: &Scope, entry: &audit_log::Model) -> String {
    seal(scope, entry.sequence, fragment_of(&entry.hash))
}

fn seal(scope: &Scope, sequence: i64, fragment: i64) -> String {
    let parts = [Part::Number(sequence), Part::Number(fragment)];
    page::seal(&scope.core().secret, &context(scope), &parts)
}

/// Returns the first 4 bytes of an entry's hash, since a restored database has other entries under
/// the same numbers.
fn fragment_of(hash: &[u8]) -> i64 {
    hash.iter().take(4).fold(0, |fragment, byte| fragment << 8 | i64::from(*byte))
}

fn context(scope: &Scope) -> Vec<u8> {
    [b"audit_log_tail", scope.organization_id().as_bytes().as_slice()].concat()
}

fn not_a_cursor() -> Error {
    Error::invalid(&["after"], "is not a cursor of this organization's log with this filter")
}

fn other_history() -> Error {
    let message = "is of a history that this log no longer has: start without it";
    Error::invalid(&["after"], message)
}
