//! Keyset pages, the only way to make a connection of a list.
//!
//! A page reads one row more than it shows, to determine if there is a next page. It starts at a
//! key, never at an offset, so its cost does not depend on its depth. Cursors are opaque,
//! versioned, sealed, and bound to their list, filter and order. A cursor that is used elsewhere is
//! refused, never ignored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order as Sort, QueryFilter, QueryOrder,
    QuerySelect, Select, StreamTrait, Value,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};
use uuid::Uuid;

use crate::{Error, ProblemCode, Result, Secret};

/// Default number of rows of a page.
pub const DEFAULT_ROWS: u64 = 50;
/// Most rows of a page that a client may ask for.
pub const MAX_ROWS: u64 = 100;

/// A connection's arguments, as in the GraphQL Cursor Connections Specification.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    /// Number of rows from the start of the list, 0 to [`MAX_ROWS`].
    pub first: Option<i32>,
    /// Cursor that all rows of the page come after.
    pub after: Option<String>,
    /// Number of rows from the end of the list, 0 to [`MAX_ROWS`].
    pub last: Option<i32>,
    /// Cursor that all rows of the page come before.
    pub before: Option<String>,
}

/// A page of a list, in the list's order.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows of the page, each with its cursor.
    pub items: Vec<Item<T>>,
    /// True if more rows follow the page.
    pub has_next: bool,
    /// True if other rows come before the page.
    pub has_previous: bool,
}

/// A row, and the cursor from which the list continues.
#[derive(Clone, Debug)]
pub struct Item<T> {
    /// Opaque cursor of the row.
    pub cursor: String,
    /// The row itself.
    pub node: T,
}

/// A value of one column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A 64-bit number.
    Number(i64),
    /// An instant, to the microsecond.
    Instant(DateTime<Utc>),
    /// A UUID, compared by its bytes.
    Id(Uuid),
    /// A text, compared by its bytes.
    Text(String),
}

/// The order of a list, and the context that its cursors are bound to.
pub struct Keyset<E: EntityTrait> {
    /// The columns that the list is ordered by. Together they are unique in the list.
    pub columns: Vec<E::Column>,
    /// Returns the values of the columns in a row.
    pub key: fn(&E::Model) -> Vec<Part>,
    /// The direction of the order.
    pub order: Order,
    /// The identity of the list: its name, organization, filter and order.
    pub context: Vec<u8>,
}

impl<E: EntityTrait> Keyset<E> {
    /// Returns the cursor of `row`.
    pub fn cursor(&self, secret: &Secret, row: &E::Model) -> String {
        seal(secret, &self.context, &(self.key)(row))
    }

    /// Returns the condition that a row comes after the key or, backward, before it.
    #[must_use]
    pub fn beyond(&self, key: Vec<Part>, direction: Direction) -> SimpleExpr {
        let columns = self.columns.iter().map(|column| Expr::col(column.as_column_ref()));
        let columns = Expr::tuple(columns);
        let key = Expr::tuple(key.into_iter().map(|part| Expr::val(Value::from(part))));
        match self.towards(direction) {
            Order::Descending => columns.lt(key),
            Order::Ascending => columns.gt(key),
        }
    }

    /// Orders `select` by the columns in this direction.
    #[must_use]
    pub fn sort(&self, select: Select<E>, direction: Direction) -> Select<E> {
        let order = match self.towards(direction) {
            Order::Ascending => Sort::Asc,
            Order::Descending => Sort::Desc,
        };
        self.columns.iter().fold(select, |select, column| select.order_by(*column, order.clone()))
    }

    pub(crate) fn towards(&self, direction: Direction) -> Order {
        match (self.order, direction) {
            (Order::Ascending, Direction::Forward) | (Order::Descending, Direction::Backward) => {
                Order::Ascending
            }
            (Order::Descending, Direction::Forward) | (Order::Ascending, Direction::Backward) => {
                Order::Descending
            }
        }
    }
}

/// The order of a list's keys.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// The direction in which a page is read: along the list's order or against it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Along the list's order, as with `first` and `after`.
    Forward,
    /// Against the list's order, as with `last` and `before`.
    Backward,
}

/// Returns the page of `select` that `args` ask for.
///
/// # Errors
/// Both `first` and `last` are given, a number is out of bounds, a cursor is of another list,
/// filter or order; or a database fault.
pub async fn fetch<E, C>(
    db: &C,
    secret: &Secret,
    select: Select<E>,
    keyset: &Keyset<E>,
    args: &PageArgs,
) -> Result<Page<E::Model>>
where
    E: EntityTrait,
    C: ConnectionTrait,
{
    let request = PageRequest::of(secret, keyset, args)?;
    let rows = request.select(select, keyset).all(db).await?;
    Ok(request.page(secret, keyset, args, rows))
}

/// Works like [`fetch`], for rows that can be large. Each row is passed to `admit` as it arrives,
/// and an error of `admit` ends the read.
///
/// # Errors
/// The errors of [`fetch`], and the error of `admit`.
pub async fn fetch_admitted<E, C>(
    db: &C,
    secret: &Secret,
    select: Select<E>,
    keyset: &Keyset<E>,
    args: &PageArgs,
    admit: &(dyn Fn(&E::Model) -> Result<()> + Sync),
) -> Result<Page<E::Model>>
where
    E: EntityTrait,
    E::Model: Send,
    C: ConnectionTrait + StreamTrait,
{
    let request = PageRequest::of(secret, keyset, args)?;
    let mut rows = Vec::new();
    let mut stream = request.select(select, keyset).stream(db).await?;
    while let Some(row) = stream.try_next().await? {
        admit(&row)?;
        rows.push(row);
    }
    drop(stream);
    Ok(request.page(secret, keyset, args, rows))
}

/// The rows that a page's arguments ask for.
pub(crate) struct PageRequest {
    /// The direction in which the rows are read.
    pub(crate) direction: Direction,
    /// The number of rows that the page shows at most.
    pub(crate) size: u64,
    /// Keys that all rows lie beyond, each with the direction.
    pub(crate) keys: Vec<(Vec<Part>, Direction)>,
}

impl PageRequest {
    pub(crate) fn of<E: EntityTrait>(
        secret: &Secret,
        keyset: &Keyset<E>,
        args: &PageArgs,
    ) -> Result<Self> {
        let (direction, size) = size(args)?;
        let mut keys = Vec::new();
        for (field, cursor, towards) in [
            ("after", &args.after, Direction::Forward),
            ("before", &args.before, Direction::Backward),
        ] {
            if let Some(cursor) = cursor {
                let key = open(secret, &keyset.context, cursor);
                let key = key.filter(|key| key.len() == keyset.columns.len());
                let message = "is not a cursor of this list with this filter and order";
                keys.push((key.ok_or_else(|| Error::invalid(&[field], message))?, towards));
            }
        }
        Ok(Self { direction, size, keys })
    }

    /// Selects the rows of the page, and one row more.
    fn select<E: EntityTrait>(&self, select: Select<E>, keyset: &Keyset<E>) -> Select<E> {
        let keys = self.keys.iter();
        let beyond = keys.map(|(key, towards)| keyset.beyond(key.clone(), *towards));
        let select = select.filter(beyond.fold(Condition::all(), Condition::add));
        keyset.sort(select, self.direction).limit(self.size + 1)
    }

    /// Makes a page of `rows`, which may hold one row more than the page shows.
    pub(crate) fn page<E: EntityTrait>(
        &self,
        secret: &Secret,
        keyset: &Keyset<E>,
        args: &PageArgs,
        mut rows: Vec<E::Model>,
    ) -> Page<E::Model> {
        let has_more = rows.len() as u64 > self.size;
        rows.truncate(usize::try_from(self.size).unwrap_or(usize::MAX));
        if self.direction == Direction::Backward {
            rows.reverse();
        }
        let item = |node| Item { cursor: keyset.cursor(secret, &node), node };
        // The row of a cursor lies beyond the page, on the cursor's side.
        let (has_next, has_previous) = match self.direction {
            Direction::Forward => {
                // With `first`, there is a next page only if `first` cuts rows off (section 4.4).
                let is_before = args.first.is_none() && args.before.is_some();
                (has_more || is_before, args.after.is_some())
            }
            Direction::Backward => (args.before.is_some(), has_more),
        };
        Page { items: rows.into_iter().map(item).collect(), has_next, has_previous }
    }
}

fn size(args: &PageArgs) -> Result<(Direction, u64)> {
    let (field, direction, count) = match (args.first, args.last) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(&["last"], "give either `first` or `last`, not both"));
        }
        (first, None) => ("first", Direction::Forward, first),
        (None, Some(last)) => ("last", Direction::Backward, Some(last)),
    };
    let Some(count) = count else { return Ok((direction, DEFAULT_ROWS)) };
    match u64::try_from(count) {
        Ok(count) if count <= MAX_ROWS => Ok((direction, count)),
        Ok(_) => {
            let message = format!("must be at most {MAX_ROWS}; go on with cursors");
            Err(Error::problem(ProblemCode::TooLarge, &[field], message))
        }
        Err(_) => Err(Error::invalid(&[field], "must not be negative")),
    }
}

const CURSOR_VERSION: u8 = 1;

/// Returns `key` as an opaque text that [`open`] reads only with the same `context`.
#[must_use]
pub fn seal(secret: &Secret, context: &[u8], key: &[Part]) -> String {
    let mut plain = vec![CURSOR_VERSION];
    for part in key {
        match part {
            Part::Number(number) => {
                plain.push(b'n');
                plain.extend(number.to_be_bytes());
            }
            Part::Instant(instant) => {
                plain.push(b't');
                plain.extend(instant.timestamp_micros().to_be_bytes());
            }
            Part::Id(id) => {
                plain.push(b'i');
                plain.extend(id.as_bytes());
            }
            Part::Text(text) => {
                plain.push(b's');
                plain.extend((text.len() as u64).to_be_bytes());
                plain.extend(text.as_bytes());
            }
        }
    }
    URL_SAFE_NO_PAD.encode(secret.seal(context, &plain))
}

/// Returns the key that [`seal`] sealed with this context; none if `text` is anything else.
#[must_use]
pub fn open(secret: &Secret, context: &[u8], text: &str) -> Option<Vec<Part>> {
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    let plain = secret.open(context, &sealed)?;
    let (&CURSOR_VERSION, mut rest) = plain.split_first()? else { return None };
    let mut key = Vec::new();
    while let Some((tag, tail)) = rest.split_first() {
        let length = if *tag == b'i' { 16 } else { 8 };
        let (value, mut tail) = tail.split_at_checked(length)?;
        key.push(match tag {
            b'n' => Part::Number(i64::from_be_bytes(value.try_into().ok()?)),
            b't' => {
                let micros = i64::from_be_bytes(value.try_into().ok()?);
                Part::Instant(DateTime::from_timestamp_micros(micros)?)
            }
            b'i' => Part::Id(Uuid::from_slice(value).ok()?),
            b's' => {
                let length = usize::try_from(u64::from_be_bytes(value.try_into().ok()?)).ok()?;
                let (text, after) = tail.split_at_checked(length)?;
                tail = after;
                Part::Text(String::from_utf8(text.to_vec()).ok()?)
            }
            _ => return None,
        });
        rest = tail;
    }
    Some(key)
}

impl From<Part> for Value {
    fn from(part: Part) -> Self {
        match part {
            Part::Number(number) => number.into(),
            Part::Instant(instant) => instant.into(),
            Part::Id(id) => id.into(),
            Part::Text(text) => text.into(),
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::fuzz::{edited_text, edits, text};
    use proptest::{collection::vec, prelude::*};

    fn part() -> impl Strategy<Value = Part> {
        prop_oneof![
            any::<i64>().prop_map(Part::Number),
            (-62_000_000_000_000_000_i64..253_000_000_000_000_000).prop_map(|micros| {
                Part::Instant(DateTime::from_timestamp_micros(micros).expect("within the calendar"))
            }),
            any::<u128>().prop_map(|id| Part::Id(Uuid::from_u128(id))),
            text().prop_map(Part::Text),
        ]
    }

    proptest! {
        #[test]
        fn cursors_read_back_in_their_list_and_nothing_else_does(
            key in vec(part(), 0..4),
            edits in edits(),
            any in text(),
        ) {
            let secret = Secret::new(&"s".repeat(32)).expect("long enough");
            let cursor = seal(&secret, b"list", &key);
            prop_assert_eq!(open(&secret, b"list", &cursor), Some(key));
            prop_assert_eq!(open(&secret, b"another", &cursor), None);
            let other = Secret::new(&"o".repeat(32)).expect("long enough");
            prop_assert_eq!(open(&other, b"list", &cursor), None);
            for text in [edited_text(&cursor, &edits), any] {
                prop_assert!(text == cursor || open(&secret, b"list", &text).is_none());
            }
        }

        /// Another version may have sealed any bytes.
        #[test]
        fn sealed_bytes_are_a_key_in_one_way_or_none(plain in vec(any::<u8>(), 0..60), key in vec(part(), 0..3), edits in edits()) {
            let secret = Secret::new(&"s".repeat(32)).expect("long enough");
            let cursor = URL_SAFE_NO_PAD.decode(seal(&secret, b"list", &key)).expect("ours");
            let near = crate::fuzz::edited(&secret.open(b"list", &cursor).expect("ours"), &edits);
            for plain in [plain, near] {
                let cursor = URL_SAFE_NO_PAD.encode(secret.seal(b"list", &plain));
                if let Some(key) = open(&secret, b"list", &cursor) {
                    prop_assert_eq!(seal(&secret, b"list", &key), cursor);
                }
            }
        }
    }
}
