//! Reading the log: pages, counts, and single entries.

use chrono::{DateTime, Utc};
use daybook_entity::audit_log::{Column, Entity, Model};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, QueryFilter, QueryTrait, Statement};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Filter, filter::has_index, range::RangePage, search::Lookup};
use crate::{
    Error, Permission, Result, Scope,
    page::{self, Direction, Keyset, Page, PageArgs, PageRequest, Part},
    workload,
};

/// The order of entries in a list.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Order {
    /// Newest recorded first.
    #[default]
    RecordedDesc,
    /// Oldest recorded first, which is the order of sequences.
    RecordedAsc,
    /// Latest `timestamp` first.
    TimestampDesc,
    /// Earliest `timestamp` first.
    TimestampAsc,
}

/// Returns a page of the entries that pass `filter`.
///
/// # Errors
/// A filter, number or cursor that can't be used; a database fault.
pub async fn list(
    scope: &Scope,
    filter: &Filter,
    order: Order,
    args: &PageArgs,
) -> Result<Page<Model>> {
    scope.require(Permission::ReadAuditLog)?;
    check(filter)?;
    let page = page(scope, filter, order, args);
    if !is_scan(filter, order) {
        return page.await;
    }
    advise(filter);
    workload::scan(page).await
}

/// True if a page may have to walk past any number of entries to find its own: no index serves two
/// conditions, or a range or a search in the list's order.
pub(super) fn is_scan(filter: &Filter, order: Order) -> bool {
    let mut rest = filter.clone();
    match order {
        Order::RecordedDesc | Order::RecordedAsc => {
            (rest.sequence_from, rest.sequence_to) = (None, None);
            let skewed = Filter { clock_skewed: Some(true), ..Filter::default() };
            !has_index(&rest) && rest != skewed
        }
        Order::TimestampDesc | Order::TimestampAsc => {
            (rest.from, rest.to) = (None, None);
            // Related resources are found in the order of sequences, and then sorted.
            !has_index(&rest) || rest.mentions_resource()
        }
    }
}

/// Stores which condition shortens a scan, in case it takes too long.
pub(super) fn advise(filter: &Filter) {
    workload::advise(if filter.has_times() {
        "bring `from` and `to` of the audit log's filter closer together, or add a condition on \
         `requestId`, `resourceId`, `actorId` or `actorEmail`"
    } else {
        "add `from` and `to` to the audit log's filter, or a condition on `requestId`, \
         `resourceId`, `actorId` or `actorEmail`"
    });
}

async fn page(
    scope: &Scope,
    filter: &Filter,
    order: Order,
    args: &PageArgs,
) -> Result<Page<Model>> {
    let keyset = keys(scope.organization_id(), filter, order);
    let request = PageRequest::of(&scope.core().secret, &keyset, args)?;
    let lookup = lookup(&keyset, scope.organization_id(), filter, request.keys.clone(), None);
    let part = (lookup, &request);
    let rows = scope.read(&part, |db, (lookup, request)| {
        Box::pin(async move {
            let pruned = pruned_before(db, lookup, request.direction).await?;
            let lookup = Lookup { pruned, ..lookup.clone() };
            let (direction, limit) = (request.direction, request.size + 1);
            let backend = db.get_database_backend();
            let rows = match RangePage::of(&lookup, direction, limit, backend) {
                Some(range_page) => range_page.read(db).await?,
                None => lookup.select(direction, limit, backend).all(db).await?,
            };
            check_kept(db, lookup.organization_id, &request.keys).await?;
            Ok(rows)
        })
    });
    let rows = rows.await?;
    Ok(request.page(&scope.core().secret, &keyset, args, rows))
}

/// Counts the entries that pass `filter`.
///
/// # Errors
/// A filter that can't be used; a database fault.
pub async fn count(scope: &Scope, filter: &Filter) -> Result<u64> {
    scope.require(Permission::ReadAuditLog)?;
    check(filter)?;
    let keyset = keys(scope.organization_id(), filter, Order::default());
    let lookup = lookup(&keyset, scope.organization_id(), filter, Vec::new(), None);
    let count =
        scope.read(&lookup, |db, lookup| Box::pin(async move { Ok(lookup.count(db).await?) }));
    advise(filter);
    workload::count_once(&("audit_logs", scope.organization_id(), filter), count).await
}

/// Returns the entry with this sequence and id; `None` if there is none.
///
/// # Errors
/// A database fault.
pub async fn get(scope: &Scope, sequence: i64, id: Uuid) -> Result<Option<Model>> {
    Ok(get_many(scope, &[(sequence, id)]).await?.pop())
}

/// Returns the entries among `keys` that exist, in no particular order.
///
/// # Errors
/// A database fault.
pub async fn get_many(scope: &Scope, keys: &[(i64, Uuid)]) -> Result<Vec<Model>> {
    scope.require(Permission::ReadAuditLog)?;
    let found = scope
        .find::<Entity>()
        .filter(Column::Sequence.is_in(keys.iter().map(|(sequence, _)| *sequence)));
    let mut found = found.all(scope.core().db.reader()).await?;
    found.retain(|entry| keys.contains(&(entry.sequence, entry.id)));
    Ok(found)
}

/// Returns the SQL of the first page, or of the one that follows a row, to examine how the database
/// runs it. It is one statement or, for a range in another order, a count, a walk, another count,
/// and the page of everything in the range. Reading stops at the walk if that yields a page.
#[must_use]
pub fn statements(
    organization_id: Uuid,
    filter: &Filter,
    order: Order,
    after: Option<&Model>,
    backend: DbBackend,
) -> Vec<Statement> {
    let keyset = keys(organization_id, filter, order);
    let keys = after.map(|row| ((keyset.key)(row), Direction::Forward)).into_iter().collect();
    let lookup = lookup(&keyset, organization_id, filter, keys, None);
    let (direction, limit) = (Direction::Forward, page::DEFAULT_ROWS + 1);
    RangePage::of(&lookup, direction, limit, backend).map_or_else(
        || vec![lookup.select(direction, limit, backend).build(backend)],
        |range_page| range_page.statements(),
    )
}

/// Returns the lookup of entries up to `through` that pass `filter`, after `key` if given.
pub(crate) fn after<'a>(
    keyset: &'a Keyset<Entity>,
    organization_id: Uuid,
    filter: &Filter,
    through: i64,
    key: Option<Vec<Part>>,
) -> Lookup<'a> {
    // In a list of falling sequences, a key already implies the bound. Given both, SQLite begins to
    // read at the bound and steps over everything before the key.
    let falls = keyset.towards(Direction::Forward) == page::Order::Descending;
    let is_implied = falls && key.is_some() && keyset.columns.len() == 1;
    let keys = key.map(|key| (key, Direction::Forward)).into_iter().collect();
    lookup(keyset, organization_id, filter, keys, Some(through).filter(|_| !is_implied))
}

pub(super) fn lookup<'a>(
    keyset: &'a Keyset<Entity>,
    organization_id: Uuid,
    filter: &Filter,
    keys: Vec<(Vec<Part>, Direction)>,
    through: Option<i64>,
) -> Lookup<'a> {
    let mut filter = without_implied(filter, keyset, &keys);
    // Of two bounds, SQLite begins to read at either, and steps over everything before the other.
    let through = match (through, filter.sequence_to) {
        (Some(through), Some(to)) => {
            filter.sequence_to = None;
            Some(through.min(to))
        }
        (through, _) => through,
    };
    Lookup { organization_id, filter, keyset, keys, through, pruned: 0 }
}

/// Returns the keys of the log in this order; their cursors are bound to the filter, too.
pub(crate) fn keys(organization_id: Uuid, filter: &Filter, order: Order) -> Keyset<Entity> {
    let identity = ("audit_logs", organization_id, filter, order);
    let context = serde_json::to_vec(&identity).expect("a filter holds nothing but text");
    let (columns, key): (_, fn(&Model) -> Vec<Part>) = match order {
        Order::RecordedDesc | Order::RecordedAsc => {
            (vec![Column::Sequence], |row| key(Order::RecordedAsc, row.timestamp, row.sequence))
        }
        Order::TimestampDesc | Order::TimestampAsc => {
            (vec![Column::Timestamp, Column::Sequence], |row| {
                key(Order::TimestampAsc, row.timestamp, row.sequence)
            })
        }
    };
    let order = match order {
        Order::RecordedDesc | Order::TimestampDesc => page::Order::Descending,
        Order::RecordedAsc | Order::TimestampAsc => page::Order::Ascending,
    };
    Keyset { columns, key, order, context }
}

/// Returns an entry's key in this order.
pub(crate) fn key(order: Order, timestamp: DateTime<Utc>, sequence: i64) -> Vec<Part> {
    match order {
        Order::RecordedDesc | Order::RecordedAsc => vec![Part::Number(sequence)],
        Order::TimestampDesc | Order::TimestampAsc => {
            vec![Part::Instant(timestamp), Part::Number(sequence)]
        }
    }
}

/// Removes from `filter` the bounds on `timestamp` or `sequence` that a cursor of its list already
/// implies.
///
/// Given both, SQLite begins to read at the bound and steps over everything before the cursor.
fn without_implied(
    filter: &Filter,
    keyset: &Keyset<Entity>,
    cursors: &[(Vec<Part>, Direction)],
) -> Filter {
    let mut filter = filter.clone();
    let is_by_time = matches!(keyset.columns.first(), Some(Column::Timestamp));
    for (key, direction) in cursors {
        // A tail goes on from cursors of entries that its filter need not match.
        let sequence = sequence(key);
        let implies_from = filter.sequence_from.is_some_and(|from| from <= sequence);
        let implies_to = filter.sequence_to.is_some_and(|to| to >= sequence);
        match (keyset.towards(*direction), is_by_time) {
            (page::Order::Ascending, true) => filter.from = None,
            (page::Order::Descending, true) => filter.to = None,
            (page::Order::Ascending, false) if implies_from => filter.sequence_from = None,
            (page::Order::Descending, false) if implies_to => filter.sequence_to = None,
            (page::Order::Ascending | page::Order::Descending, false) => {}
        }
    }
    filter
}

/// Returns the sequence through which entries were removed, if the lookup begins at the log's
/// start; 0 for other lookups, which meet no removed entries on their way.
async fn pruned_before<C: ConnectionTrait>(
    db: &C,
    lookup: &Lookup<'_>,
    direction: Direction,
) -> Result<i64> {
    if !lookup.begins_at_start(direction) {
        return Ok(0);
    }
    Ok(super::pruned(db, lookup.organization_id).await?.0)
}

/// Refuses cursors of entries that are no longer kept: a page would go on where the log now begins,
/// without a sign of the gap. Call it after the rows were read, so that a removal before that is
/// seen.
async fn check_kept<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
    keys: &[(Vec<Part>, Direction)],
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let (pruned, _) = super::pruned(db, organization_id).await?;
    for (key, towards) in keys {
        let field = match towards {
            Direction::Forward => "after",
            Direction::Backward => "before",
        };
        if sequence(key) <= pruned {
            return Err(super::no_longer_kept(&[field]));
        }
    }
    Ok(())
}

/// Returns the sequence in a key, which is its last part in every order.
pub(crate) fn sequence(key: &[Part]) -> i64 {
    match key.last() {
        Some(Part::Number(sequence)) => *sequence,
        Some(_) | None => 0,
    }
}

pub(super) fn check(filter: &Filter) -> Result<()> {
    let problems = filter.problems(&["filter"]);
    if problems.is_empty() { Ok(()) } else { Err(Error::Refused(problems)) }
}
