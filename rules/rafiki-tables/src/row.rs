//! Reads one row of the original, given as the JSON object that Postgres makes of it.
//!
//! Every value is checked when it is taken. An invalid value is refused with its column's name.

use std::collections::BTreeMap;

use clock::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::refusal::{Reason, Refusal};

/// One row.
#[derive(Debug)]
pub struct Row<'a> {
    table: &'static str,
    members: BTreeMap<&'a str, &'a RawValue>,
}

impl<'a> Row<'a> {
    /// Reads the JSON object of a row of `table`.
    pub fn read(table: &'static str, json: &'a str) -> Result<Self, Refusal> {
        let members = serde_json::from_str(json).map_err(|_| Refusal::new(table, "", Reason::Unreadable))?;
        Ok(Self { table, members })
    }

    /// The row's id as a text.
    pub fn name(&self) -> String {
        self.members.get("id").map(|id| id.get().trim_matches('"').to_owned()).unwrap_or_default()
    }

    /// A refusal of this row.
    pub fn refuse(&self, reason: Reason) -> Refusal {
        Refusal::new(self.table, self.name(), reason)
    }

    fn raw(&self, column: &str) -> Option<&'a str> {
        self.members.get(column).map(|value| value.get()).filter(|value| *value != "null")
    }

    fn malformed(&self, column: &'static str, found: &str, wanted: &'static str) -> Refusal {
        self.refuse(Reason::Malformed { column, found: found.chars().take(80).collect(), wanted })
    }

    fn required<T>(&self, column: &'static str, value: Option<T>) -> Result<T, Refusal> {
        value.ok_or_else(|| self.refuse(Reason::Missing(column)))
    }

    /// The JSON of a column, unchanged.
    pub fn json(&self, column: &'static str) -> Option<&'a str> {
        self.raw(column)
    }

    /// The JSON object of a column, unchanged.
    pub fn object(&self, column: &'static str) -> Result<Option<&'a str>, Refusal> {
        match self.raw(column) {
            Some(json) if !json.starts_with('{') => Err(self.malformed(column, json, "JSON object")),
            other => Ok(other),
        }
    }

    /// A text.
    pub fn optional_text(&self, column: &'static str) -> Result<Option<String>, Refusal> {
        let Some(raw) = self.raw(column) else { return Ok(None) };
        serde_json::from_str(raw).map(Some).map_err(|_| self.malformed(column, raw, "text"))
    }

    /// A required text.
    pub fn text(&self, column: &'static str) -> Result<String, Refusal> {
        self.required(column, self.optional_text(column)?)
    }

    /// A word from a fixed list.
    pub fn word(&self, column: &'static str, known: &'static [&'static str]) -> Result<&'static str, Refusal> {
        let found = self.text(column)?;
        let list = words(known);
        let word = known.iter().copied().find(|word| *word == found);
        word.ok_or_else(|| self.refuse(Reason::UnknownWord { column, found, known: list }))
    }

    /// An id.
    pub(crate) fn optional_uuid(&self, column: &'static str) -> Result<Option<Uuid>, Refusal> {
        let Some(text) = self.optional_text(column)? else { return Ok(None) };
        Uuid::try_parse(&text).map(Some).map_err(|_| self.malformed(column, &text, "UUID"))
    }

    /// A required id.
    pub fn uuid(&self, column: &'static str) -> Result<Uuid, Refusal> {
        self.required(column, self.optional_uuid(column)?)
    }

    /// A whole number.
    pub(crate) fn optional_integer(&self, column: &'static str) -> Result<Option<i128>, Refusal> {
        let Some(raw) = self.raw(column) else { return Ok(None) };
        raw.trim_matches('"').parse().map(Some).map_err(|_| self.malformed(column, raw, "whole number"))
    }

    /// An amount: a whole number from 0 to 2^63−1.
    pub fn optional_amount(&self, column: &'static str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.optional_integer(column)? else { return Ok(None) };
        if value < 0 {
            return Err(self.refuse(Reason::Negative { column, found: value.to_string() }));
        }
        let fits = u64::try_from(value).ok().filter(|amount| *amount <= u64::MAX >> 1);
        fits.map(Some).ok_or_else(|| self.refuse(Reason::TooLarge { column, found: value.to_string() }))
    }

    /// A required amount.
    pub fn amount(&self, column: &'static str) -> Result<u64, Refusal> {
        self.required(column, self.optional_amount(column)?)
    }

    /// A small count.
    pub fn count(&self, column: &'static str) -> Result<u32, Refusal> {
        let amount = self.amount(column)?;
        u32::try_from(amount).map_err(|_| self.refuse(Reason::TooLarge { column, found: amount.to_string() }))
    }

    /// An asset's scale.
    pub fn scale(&self, column: &'static str) -> Result<u8, Refusal> {
        let amount = self.amount(column)?;
        u8::try_from(amount).map_err(|_| self.refuse(Reason::TooLarge { column, found: amount.to_string() }))
    }

    /// Yes or no.
    pub fn flag(&self, column: &'static str) -> Result<bool, Refusal> {
        match self.required(column, self.raw(column))? {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(self.malformed(column, other, "boolean")),
        }
    }

    /// An instant, truncated to milliseconds.
    pub(crate) fn optional_instant(&self, column: &'static str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.optional_text(column)? else { return Ok(None) };
        let instant = text.parse::<jiff::Timestamp>().map_err(|_| self.malformed(column, &text, "instant"))?;
        // `from_jiff` counts whole milliseconds and drops finer parts.
        Ok(Some(Timestamp::from_millis(instant.as_microsecond().div_euclid(1000))))
    }

    /// A required instant.
    pub fn instant(&self, column: &'static str) -> Result<Timestamp, Refusal> {
        self.required(column, self.optional_instant(column)?)
    }

    /// An instant that is written as milliseconds since 1970, as in our tables.
    pub(crate) fn optional_millis(&self, column: &'static str) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.optional_integer(column)? else { return Ok(None) };
        let in_calendar = |millis: &i64| jiff::Timestamp::from_millisecond(*millis).is_ok();
        let millis = i64::try_from(value).ok().filter(in_calendar);
        let malformed = || self.malformed(column, &value.to_string(), "instant");
        millis.map(|millis| Some(Timestamp::from_millis(millis))).ok_or_else(malformed)
    }

    /// A required instant that is written as milliseconds since 1970.
    pub(crate) fn millis(&self, column: &'static str) -> Result<Timestamp, Refusal> {
        self.required(column, self.optional_millis(column)?)
    }

    /// A decimal number, as digits before and after the point.
    pub fn decimal(&self, column: &'static str) -> Result<&'a str, Refusal> {
        let raw = self.required(column, self.raw(column))?.trim_matches('"');
        let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        let (whole, fraction) = raw.split_once('.').unwrap_or((raw, ""));
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(self.malformed(column, raw, "decimal number"));
        }
        Ok(raw)
    }

    /// Octets that are written as hexadecimal digits, as in our tables.
    pub fn octets(&self, column: &'static str) -> Result<Vec<u8>, Refusal> {
        let text = self.text(column)?;
        let digits = text.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
        });
        let octets: Option<Vec<u8>> = digits.collect();
        octets.ok_or_else(|| self.malformed(column, "", "hexadecimal text"))
    }

    /// A list of rows that were joined to this one.
    pub fn rows(&self, column: &'static str, table: &'static str) -> Result<Vec<Row<'a>>, Refusal> {
        let Some(raw) = self.raw(column) else { return Ok(Vec::new()) };
        let list: Vec<&'a RawValue> = serde_json::from_str(raw).map_err(|_| self.malformed(column, raw, "list"))?;
        list.into_iter().map(|row| Row::read(table, row.get())).collect()
    }

    /// A list of texts.
    pub fn texts(&self, column: &'static str) -> Result<Vec<String>, Refusal> {
        let Some(raw) = self.raw(column) else { return Ok(Vec::new()) };
        serde_json::from_str(raw).map_err(|_| self.malformed(column, raw, "list of texts"))
    }
}

/// The words of a list, for messages.
fn words(known: &'static [&'static str]) -> &'static str {
    // There are few lists, and they never change. Each is written out where it is declared.
    match known {
        ["PENDING", "PROCESSING", "COMPLETED", "EXPIRED"] => "PENDING, PROCESSING, COMPLETED, EXPIRED",
        ["FUNDING", "SENDING", "COMPLETED", "FAILED", "CANCELLED"] => "FUNDING, SENDING, COMPLETED, FAILED, CANCELLED",
        ["CARD", "OPEN_PAYMENTS", "ADMIN"] => "CARD, OPEN_PAYMENTS, ADMIN",
        ["SENDING", "RECEIVING"] => "SENDING, RECEIVING",
        ["PENDING", "POSTED", "VOIDED"] => "PENDING, POSTED, VOIDED",
        ["PENDING", "APPROVED", "DENIED"] => "PENDING, APPROVED, DENIED",
        ["DEPOSIT", "WITHDRAWAL"] => "DEPOSIT, WITHDRAWAL",
        _ => "the known words",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_exactly_and_instants_are_truncated_to_milliseconds() {
        let json = r#"{"id":"a","amount":9007199254740993,"at":"2026-11-26T08:03:06.518999+00:00","none":null}"#;
        let row = Row::read("t", json).unwrap();
        assert_eq!(row.amount("amount"), Ok(9_007_199_254_740_993));
        assert_eq!(row.instant("at").unwrap().as_millis() % 1000, 518);
        assert_eq!(row.optional_text("none"), Ok(None));
    }

    #[test]
    fn a_refusal_names_the_column_of_an_invalid_value() {
        let row = Row::read("t", r#"{"id":"a","amount":-5,"word":"LOST"}"#).unwrap();
        assert_eq!(row.amount("amount").unwrap_err().to_string(), "t a: amount is -5: an amount below zero");
        let message = row.word("word", &["SENDING", "RECEIVING"]).unwrap_err().to_string();
        assert_eq!(message, "t a: word is \"LOST\", which is not one of SENDING, RECEIVING");
        assert_eq!(row.text("gone").unwrap_err().reason, Reason::Missing("gone"));
    }
}
