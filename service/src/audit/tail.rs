//! Watching the log: every entry that passes a filter, in sequence order, without loss or
//! repetition.
//!
//! Works like the job feed: subscribe to the notifier first, then read what follows the position,
//! then wait for a notification or a timeout. A number becomes visible only together with all lower
//! numbers, so "after *n*" is exact.

use std::{collections::VecDeque, ops::RangeInclusive, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{audit_log, audit_log_head};
use futures::{Stream, stream};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::{Filter, Order, list};
use crate::{
    Error, Fault, Permission, Result, Scope, Subscription, Topic,
    access::LiveAccess,
    metrics,
    page::{self, Direction, Item, Part},
    random,
    subscription_limit::CountedSubscription,
    workload,
};

/// Maximum interval between two reads of a watcher that is not notified.
const READ_INTERVAL: Duration = Duration::from_secs(2);
/// Time for which a watcher that has received everything need not check for removed entries.
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
    // Subscribe before the first read.
    let news = scope.core().notifier.subscribe(Topic::AuditLog(scope.organization_id()));
    let access = LiveAccess::begin(&scope);
    let turn = scope.core().db.watcher_turn().await;
    let position = match &after {
        Some(cursor) => resume(&scope, &filter, cursor).await?,
        None => head(&scope).await?.sequence,
    };
    drop(turn);
    let _watcher = scope.count_subscription()?;
    let ready = VecDeque::new();
    let (is_live, told_all_at, is_over) = (after.is_none(), scope.core().clock.now(), false);
    let tail = Tail {
        scope,
        filter,
        news,
        position,
        ready,
        access,
        is_live,
        told_all_at,
        is_over,
        _watcher,
    };
    Ok(stream::unfold(tail, |mut tail| async move {
        let entry = tail.next().await?;
        tail.is_over = entry.is_err();
        Some((entry, tail))
    }))
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

struct Tail {
    scope: Scope,
    filter: Filter,
    news: Subscription,
    /// Sequence up to which the log has been read.
    position: i64,
    ready: VecDeque<audit_log::Model>,
    access: LiveAccess,
    /// True once the watcher has received everything recorded before.
    is_live: bool,
    /// Time at which the watcher last had received everything.
    told_all_at: DateTime<Utc>,
    is_over: bool,
    _watcher: CountedSubscription,
}

impl Tail {
    async fn next(&mut self) -> Option<Result<Item<audit_log::Model>>> {
        if self.is_over {
            return None;
        }
        loop {
            if let Err(error) = self.access.renew(&self.scope).await {
                return Some(Err(error));
            }
            if let Some(node) = self.ready.pop_front() {
                let cursor = cursor(&self.scope, &node);
                return Some(Ok(Item { cursor, node }));
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => tokio::select! {
                    () = self.news.notified() => {}
                    () = self.access.questioned() => {}
                    () = tokio::time::sleep(READ_INTERVAL - jitter()) => {}
                    () = self.scope.core().stopping.cancelled() => return None,
                },
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Reads one round. Returns true if there may be more to read at once.
    async fn read(&mut self) -> Result<bool> {
        let db = self.scope.core().db.reader();
        let turn = self.scope.core().db.watcher_turn().await;
        // Read the head first: all entries up to it are committed.
        let head = head(&self.scope).await?.sequence;
        if head < self.position {
            return Err(other_history());
        }
        if head == self.position {
            self.told_all();
            return Ok(false);
        }
        let organization_id = self.scope.organization_id();
        let keyset = list::keys(organization_id, &self.filter, Order::RecordedAsc);
        let after = Some(vec![Part::Number(self.position)]);
        let rows = list::after(&keyset, organization_id, &self.filter, head, after);
        let rows = rows.select(Direction::Forward, MAX_ROUND_ENTRIES, db.get_database_backend());
        let rows = rows.all(db);
        let rows = if self.is_live || !list::is_scan(&self.filter) {
            rows.await?
        } else {
            // Reads past everything recorded since the cursor; the turn is for watchers that are up
            // to date.
            drop(turn);
            workload::scan(rows).await?
        };
        self.check_kept().await?;
        self.position = match rows.last() {
            Some(last) if rows.len() as u64 == MAX_ROUND_ENTRIES => last.sequence,
            Some(_) | None => head,
        };
        if let (true, Some(first)) = (self.is_live, rows.first()) {
            let core = self.scope.core();
            core.metrics.fed(metrics::Feed::AuditLog, core.clock.now() - first.recorded_at);
        }
        self.ready.extend(rows);
        Ok(true)
    }

    fn told_all(&mut self) {
        self.is_live = true;
        self.told_all_at = self.scope.core().clock.now();
    }

    /// Fails if entries that were still to be read have been removed, as seen after the rows were
    /// read. Nothing is removed within a day, so a watcher that has just received everything need
    /// not check, unless the clock was set back since.
    async fn check_kept(&self) -> Result<()> {
        let since = self.scope.core().clock.now() - self.told_all_at;
        if self.is_live && RETENTION_UNCHECKED_FOR.contains(&since) {
            return Ok(());
        }
        let db = self.scope.core().db.reader();
        let (pruned, _) = super::pruned(db, self.scope.organization_id()).await?;
        if self.position < pruned { Err(super::no_longer_kept(&["after"])) } else { Ok(()) }
    }
}

fn jitter() -> Duration {
    Duration::from_millis(u64::from(random::bytes::<1>()[0]))
}

async fn head(scope: &Scope) -> Result<audit_log_head::Model> {
    let head = audit_log_head::Entity::find_by_id(scope.organization_id());
    let head = head.one(scope.core().db.reader()).await?;
    let gone = || Fault::Stored("the log's head is gone".to_owned());
    Ok(head.ok_or_else(gone)?)
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
