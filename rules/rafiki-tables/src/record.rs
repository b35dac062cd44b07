//! A row for one of our tables, written as a JSON object for a bulk load.
//!
//! Members have the names of the table's columns. Octets are hexadecimal.

use std::fmt::Write as _;

use clock::Timestamp;
use uuid::Uuid;

use crate::table::Table;

/// A row for one of our tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The table.
    pub table: Table,
    /// The row as a JSON object.
    pub json: String,
}

/// A value of a column.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// None.
    Null,
    /// An id.
    Uuid(Uuid),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Octets.
    Octets(&'a [u8]),
    /// Yes or no.
    Flag(bool),
    /// A time with a time zone, in microseconds since 1970.
    Time(i64),
    /// JSON as it is.
    Json(&'a str),
}

impl Record {
    /// A row with these values.
    pub fn new(table: Table, values: &[(&str, Value<'_>)]) -> Self {
        Self { table, json: object(values) }
    }
}

/// The JSON object of a row.
pub(crate) fn object(values: &[(&str, Value<'_>)]) -> String {
    let mut json = String::with_capacity(64 * values.len());
    for (at, (column, value)) in values.iter().enumerate() {
        json.push(if at == 0 { '{' } else { ',' });
        // Writing to a string does not fail.
        let _ = write!(json, "\"{column}\":");
        value.write(&mut json);
    }
    json.push('}');
    json
}

impl Value<'_> {
    fn write(&self, json: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Self::Null => write!(json, "null"),
            Self::Uuid(id) => write!(json, "\"{id}\""),
            Self::Integer(number) => write!(json, "{number}"),
            Self::Flag(flag) => write!(json, "{flag}"),
            Self::Json(text) => write!(json, "{text}"),
            // Times outside of the calendar are refused where rows are read.
            Self::Time(micros) => match jiff::Timestamp::from_microsecond(*micros) {
                Ok(time) => write!(json, "\"{time}\""),
                Err(_) => write!(json, "null"),
            },
            Self::Octets(octets) => {
                json.push('"');
                for octet in *octets {
                    let _ = write!(json, "{octet:02x}");
                }
                write!(json, "\"")
            }
            Self::Text(text) => {
                json.push_str(&serde_json::to_string(text).unwrap_or_default());
                Ok(())
            }
        };
    }
}

impl<'a, T> From<Option<T>> for Value<'a>
where
    Value<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl From<Uuid> for Value<'_> {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(instant: Timestamp) -> Self {
        Self::Integer(instant.as_millis())
    }
}

impl From<u64> for Value<'_> {
    /// Amounts were checked when they were read: none is above 2^63−1.
    fn from(amount: u64) -> Self {
        Self::Integer(i64::try_from(amount).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value<'_> {
    fn from(count: u32) -> Self {
        Self::Integer(count.into())
    }
}

impl From<u8> for Value<'_> {
    fn from(scale: u8) -> Self {
        Self::Integer(scale.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self::Octets(octets)
    }
}
