//! Listing (Open Payments resource server API): query parameters and pages.
//!
//! It reads no rows. Lists have the newest item first. A cursor is the id of an item, and a page is after or before it
//! in that order.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::validate::InvalidRequest;

/// The page size without `first` and `last`.
const PAGE_SIZE_DEFAULT: u8 = 20;

/// The query of a list request, with valid types. [`ListQuery::page_request`] checks whether its members agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The wallet address of the payments.
    pub wallet_address: String,
    /// The id of the item before or after the page.
    pub cursor: Option<Uuid>,
    /// Page size after the cursor.
    pub first: Option<u8>,
    /// Page size before the cursor.
    pub last: Option<u8>,
}

/// A page to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRequest {
    /// At most `size` items after the cursor, or the newest ones if there is no cursor.
    After {
        /// The item before the page.
        cursor: Option<Uuid>,
        /// The most items.
        size: u8,
    },
    /// The `size` items before the cursor.
    Before {
        /// The item behind the page.
        cursor: Uuid,
        /// The most items.
        size: u8,
    },
}

/// The faults of parameters that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageRequestError {
    /// There is a `last` without a cursor.
    #[error("last requires cursor")]
    LastWithoutCursor,
    /// There are `first` and `last`.
    #[error("first and last are mutually exclusive")]
    FirstAndLast,
}

impl ListQuery {
    /// Reads decoded query parameters; unknown ones are ignored, known ones may be given once.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidRequest> {
        let (mut wallet_address, mut cursor, mut first, mut last) = (None, None, None, None);
        for (name, value) in pairs {
            // Two values are a list to the original, and a list is of the wrong type.
            let (parameter, kind) = match name {
                "wallet-address" => (&mut wallet_address, "string"),
                "cursor" => (&mut cursor, "string"),
                "first" => (&mut first, "integer"),
                "last" => (&mut last, "integer"),
                _ => continue,
            };
            if parameter.replace(value).is_some() {
                return Err(InvalidRequest::new(name, &format!("must be {kind}")));
            }
        }
        let wallet_address = wallet_address.ok_or_else(|| InvalidRequest::missing("", "wallet-address"))?.to_owned();
        let cursor = cursor.map(parse_cursor).transpose()?;
        let first = first.map(|text| page_size("first", text)).transpose()?;
        let last = last.map(|text| page_size("last", text)).transpose()?;
        Ok(Self { wallet_address, cursor, first, last })
    }

    /// The requested page.
    pub fn page_request(&self) -> Result<PageRequest, PageRequestError> {
        match (self.first, self.last, self.cursor) {
            (Some(_), Some(_), _) => Err(PageRequestError::FirstAndLast),
            (None, Some(_), None) => Err(PageRequestError::LastWithoutCursor),
            (None, Some(size), Some(cursor)) => Ok(PageRequest::Before { cursor, size }),
            (first, None, cursor) => Ok(PageRequest::After { cursor, size: first.unwrap_or(PAGE_SIZE_DEFAULT) }),
        }
    }
}

fn parse_cursor(text: &str) -> Result<Uuid, InvalidRequest> {
    if text.is_empty() {
        return Err(InvalidRequest::new("cursor", "must NOT have fewer than 1 characters"));
    }
    Uuid::try_parse(text).map_err(|_| InvalidRequest::new("cursor", "must match format \"uuid\""))
}

/// The leading integer of the text counts, as the original reads it: `1.5` is 1.
fn page_size(name: &str, text: &str) -> Result<u8, InvalidRequest> {
    let trimmed = text.trim_start();
    let sign = usize::from(trimmed.starts_with(['-', '+']));
    let digits = trimmed[sign..].bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(InvalidRequest::new(name, "must be integer"));
    }
    let number = trimmed[..sign + digits].trim_start_matches('+');
    match number.parse::<i64>() {
        Ok(number) if number < 1 => Err(InvalidRequest::new(name, "must be >= 1")),
        Ok(number) => u8::try_from(number)
            .ok()
            .filter(|size| *size <= 100)
            .ok_or_else(|| InvalidRequest::new(name, "must be <= 100")),
        Err(_) if number.starts_with('-') => Err(InvalidRequest::new(name, "must be >= 1")),
        Err(_) => Err(InvalidRequest::new(name, "must be <= 100")),
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The place of the page in the list.
    pub pagination: PageInfo,
    /// Its items, newest first.
    pub result: Vec<T>,
}

/// The place of a page in its list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    /// The id of the first item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_cursor: Option<Uuid>,
    /// The id of the last item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_cursor: Option<Uuid>,
    /// Whether older items follow.
    pub has_next_page: bool,
    /// Whether newer items come before.
    pub has_previous_page: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: &str = "016da9d5-c9a4-4c80-a354-86b915a04ff8";

    fn parse(pairs: &[(&str, &str)]) -> Result<ListQuery, String> {
        let wallet = [("wallet-address", "https://a")];
        ListQuery::parse(wallet.iter().chain(pairs).copied()).map_err(|error| error.to_string())
    }

    #[test]
    fn faults_have_the_texts_that_clients_know() {
        assert_eq!(ListQuery::parse([]).unwrap_err().to_string(), "must have required property 'wallet-address'");
        let twice = parse(&[("first", "1"), ("first", "1")]);
        assert_eq!(twice, Err("first must be integer".to_owned()));
        assert_eq!(parse(&[("wallet-address", "https://b")]), Err("wallet-address must be string".to_owned()));
        for (pair, message) in [
            (("first", "0"), "first must be >= 1"),
            (("first", "-99999999999999999999"), "first must be >= 1"),
            (("first", "101"), "first must be <= 100"),
            (("last", "99999999999999999999"), "last must be <= 100"),
            (("last", "abc"), "last must be integer"),
            (("cursor", ""), "cursor must NOT have fewer than 1 characters"),
            (("cursor", "x"), "cursor must match format \"uuid\""),
        ] {
            assert_eq!(parse(&[pair]), Err(message.to_owned()));
        }
    }

    #[test]
    fn pages_lie_after_the_cursor_unless_last_is_given() {
        let page = |pairs: &[(&str, &str)]| parse(pairs).unwrap().page_request();
        let cursor = CURSOR.parse().unwrap();
        assert_eq!(page(&[]), Ok(PageRequest::After { cursor: None, size: 20 }));
        assert_eq!(page(&[("first", "1.5")]), Ok(PageRequest::After { cursor: None, size: 1 }));
        assert_eq!(page(&[("cursor", CURSOR), ("last", "7"), ("x", "y")]), Ok(PageRequest::Before { cursor, size: 7 }));
        assert_eq!(page(&[("last", "7")]), Err(PageRequestError::LastWithoutCursor));
        assert_eq!(page(&[("last", "7"), ("first", "7")]), Err(PageRequestError::FirstAndLast));
    }
}
