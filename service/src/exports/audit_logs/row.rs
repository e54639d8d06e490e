//! Entries as an export reads them: borrowed from the database's response, with JSON as text.

use chrono::{DateTime, Utc};
use rusqlite::types::ValueRef;
use uuid::Uuid;

use super::columns::{COLUMNS, Column, Kind, SEQUENCE, TIMESTAMP};
use crate::{
    Cause, Error, Fault, GlobalId, Result,
    database::sqlite::fault,
    text::{instant, push_hex, push_instant, push_number},
};

/// Microseconds from 1970 to 2000, the epoch of PostgreSQL's timestamps.
const EPOCH: i64 = 946_684_800_000_000;

/// An entry: a value for each of [`COLUMNS`].
///
/// An entity would own a copy of each value, which costs more than all the rest of an export.
pub(in crate::exports) struct Row<'r> {
    organization_id: Uuid,
    pub(in crate::exports) sequence: i64,
    pub(super) timestamp: DateTime<Utc>,
    pub(in crate::exports) values: [Value<'r>; COLUMNS.len()],
}

/// A value of an entry.
#[derive(Copy, Clone)]
pub(in crate::exports) enum Value<'r> {
    /// No value, in an optional column.
    Absent,
    /// A value of Daybook's own.
    Own(Own<'r>),
    /// Text from whoever recorded the entry.
    Text(&'r str),
    /// Text of a JSON value, as stored.
    Json(&'r str),
}

/// A value that Daybook generates. Its text has only letters, digits and `:.-_`, which need neither
/// quotes nor escapes in any format.
#[derive(Copy, Clone)]
pub(in crate::exports) enum Own<'r> {
    Number(i64),
    Flag(bool),
    Time(DateTime<Utc>),
    Id(Uuid),
    Hash(&'r [u8]),
}

impl<'r> Row<'r> {
    /// Parses the values of [`COLUMNS`] in PostgreSQL's binary format.
    pub(super) fn of_postgres(
        organization_id: Uuid,
        fields: &[Option<&'r [u8]>; COLUMNS.len()],
    ) -> Result<Self> {
        Self::parse(organization_id, fields.iter().map(|field| Ok(*field)))
    }

    /// Parses a row of SQLite that selects [`COLUMNS`].
    pub(super) fn of_sqlite(organization_id: Uuid, row: &'r rusqlite::Row<'_>) -> Result<Self> {
        let field = |index| match row.get_ref(index).map_err(fault)? {
            ValueRef::Null => Ok(None),
            field => Ok(Some(field)),
        };
        Self::parse(organization_id, (0..COLUMNS.len()).map(field))
    }

    fn parse<F: Field<'r>>(
        organization_id: Uuid,
        fields: impl Iterator<Item = Result<Option<F>>>,
    ) -> Result<Self> {
        let mut values = [Value::Absent; COLUMNS.len()];
        for ((value, column), field) in values.iter_mut().zip(COLUMNS).zip(fields) {
            let wrong = |cause: Cause| unreadable(column, cause);
            let Some(field) = field? else {
                if column.is_optional {
                    continue;
                }
                return Err(wrong("there is none".into()));
            };
            // A function that returned a value of any kind would take as long as all the rest here.
            *value = match column.kind {
                Kind::Number => Value::Own(Own::Number(field.number().map_err(wrong)?)),
                Kind::Flag => Value::Own(Own::Flag(field.flag().map_err(wrong)?)),
                Kind::Time => Value::Own(Own::Time(field.time().map_err(wrong)?)),
                Kind::Word | Kind::Text => Value::Text(field.text().map_err(wrong)?),
                Kind::Json => Value::Json(field.text().map_err(wrong)?),
                Kind::Id => Value::Own(Own::Id(field.bytes().and_then(id).map_err(wrong)?)),
                Kind::Hash => Value::Own(Own::Hash(field.bytes().map_err(wrong)?)),
            }
        }
        match (values[SEQUENCE], values[TIMESTAMP]) {
            (Value::Own(Own::Number(sequence)), Value::Own(Own::Time(timestamp))) => {
                Ok(Self { organization_id, sequence, timestamp, values })
            }
            _ => Err(Fault::Bug("an entry without sequence or timestamp".to_owned()).into()),
        }
    }

    /// Appends a value of this row as text, as in the API.
    pub(in crate::exports) fn push(&self, value: Own<'_>, out: &mut Vec<u8>) {
        match value {
            Own::Number(number) => push_number(out, number),
            Own::Flag(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
            Own::Time(time) => push_instant(out, time),
            Own::Id(id) => {
                let Self { organization_id, sequence, .. } = *self;
                GlobalId::AuditLog { organization_id, sequence, id }.push(out);
            }
            Own::Hash(bytes) => push_hex(out, bytes),
        }
    }
}

/// A value as a database sends it.
trait Field<'r>: Copy {
    fn number(self) -> Result<i64, Cause>;
    fn flag(self) -> Result<bool, Cause>;
    fn time(self) -> Result<DateTime<Utc>, Cause>;
    fn text(self) -> Result<&'r str, Cause>;
    fn bytes(self) -> Result<&'r [u8], Cause>;
}

/// A value in PostgreSQL's binary format.
impl<'r> Field<'r> for &'r [u8] {
    fn number(self) -> Result<i64, Cause> {
        Ok(i64::from_be_bytes(self.try_into()?))
    }

    fn flag(self) -> Result<bool, Cause> {
        match self {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err("it is neither true nor false".into()),
        }
    }

    fn time(self) -> Result<DateTime<Utc>, Cause> {
        let micros = self.number()?.checked_add(EPOCH);
        let time = micros.and_then(DateTime::from_timestamp_micros);
        time.ok_or_else(|| "it is out of range".into())
    }

    fn text(self) -> Result<&'r str, Cause> {
        Ok(std::str::from_utf8(self)?)
    }

    fn bytes(self) -> Result<&'r [u8], Cause> {
        Ok(self)
    }
}

/// A value of SQLite.
impl<'r> Field<'r> for ValueRef<'r> {
    fn number(self) -> Result<i64, Cause> {
        Ok(self.as_i64()?)
    }

    fn flag(self) -> Result<bool, Cause> {
        Ok(self.as_i64()? != 0)
    }

    fn time(self) -> Result<DateTime<Utc>, Cause> {
        instant(self.as_str()?).ok_or_else(|| "it is not an RFC 3339 instant".into())
    }

    fn text(self) -> Result<&'r str, Cause> {
        Ok(self.as_str()?)
    }

    fn bytes(self) -> Result<&'r [u8], Cause> {
        Ok(self.as_blob()?)
    }
}

fn id(bytes: &[u8]) -> Result<Uuid, Cause> {
    Ok(Uuid::from_slice(bytes)?)
}

#[cold]
fn unreadable(column: &Column, cause: Cause) -> Error {
    Fault::decode(format!("an entry's {}", column.name), cause).into()
}
