//! The scalars of the schema: `UInt8`, `UInt64` and `JSONObject`, and the texts of instants.
//! Object types are in `types`.

use async_graphql::{InputType, InputValueError, InputValueResult, Number, Pos, Scalar, ScalarType, Value};
use clock::Timestamp;
use outside_text::METADATA_MAX;
use payments_model::quote::LARGEST_AMOUNT;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::errors::{Code, Refusal};

/// 0 to 255: a number, also read from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UInt8(pub(crate) u8);

/// 0 to 2^64−1: decimal text, also read from a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UInt64(pub(crate) u64);

/// Any JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JsonObject(pub(crate) Map<String, serde_json::Value>);

/// The instant that a text names.
pub(crate) fn instant(text: &str) -> Result<Timestamp, Refusal> {
    let refused = |_| Refusal::new("a time must be written like 2026-03-01T10:00:00Z", Code::BadUserInput);
    text.parse().map_err(refused)
}

#[Scalar(name = "UInt8")]
impl ScalarType for UInt8 {
    fn parse(value: Value) -> InputValueResult<Self> {
        let parsed = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) if text.trim().is_empty() => Some(0),
            Value::String(text) => text.trim().parse().ok(),
            _ => return Err(InputValueError::custom("Provided value is not number or string.")),
        };
        let small = parsed.and_then(|parsed| u8::try_from(parsed).ok());
        small.map(Self).ok_or_else(|| InputValueError::custom("Provided value is not a UInt8."))
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

#[Scalar(name = "UInt64")]
impl ScalarType for UInt64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => Ok(Self(value)),
                (None, Some(_)) => Err(InputValueError::custom("Input must be unsigned.")),
                (None, None) => Err(InputValueError::custom(format!(
                    "The number {number} cannot be converted to a BigInt because it is not an integer"
                ))),
            },
            Value::String(text) => integer(text).map(Self).map_err(InputValueError::custom),
            _ => Err(InputValueError::custom("Input must be of type bigint, number, or string.")),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Big-integer syntax: decimal, or with one of the prefixes `0x`, `0o`, `0b`; blanks around it; empty is 0.
fn integer(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(0);
    }
    if trimmed.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())) {
        return Err("Input must be unsigned.".to_owned());
    }
    let (digits, radix) = match trimmed.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (&trimmed[2..], 16),
        Some("0o") => (&trimmed[2..], 8),
        Some("0b") => (&trimmed[2..], 2),
        _ => (trimmed, 10),
    };
    // A sign in front of the digits would be read in another way.
    let plain = digits.bytes().all(|b| b.is_ascii_alphanumeric());
    match u64::from_str_radix(digits, radix) {
        Ok(value) if plain => Ok(value),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            Err(format!("{trimmed} is larger than {}", u64::MAX))
        }
        _ => Err(format!("Cannot convert {text} to a BigInt")),
    }
}

#[Scalar(
    name = "JSONObject",
    specified_by_url = "http://www.ecma-international.org/publications/files/ECMA-ST/ECMA-404.pdf"
)]
impl ScalarType for JsonObject {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value.into_json() {
            Ok(value @ serde_json::Value::Object(_)) if value.to_string().len() > METADATA_MAX => {
                Err(InputValueError::custom(format!("JSONObject must not be longer than {METADATA_MAX} octets")))
            }
            Ok(serde_json::Value::Object(members)) => Ok(Self(members)),
            Ok(other) => Err(InputValueError::custom(format!("JSONObject cannot represent non-object value: {other}"))),
            Err(error) => Err(InputValueError::custom(error)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from_json(serde_json::Value::Object(self.0.clone())).unwrap_or_default()
    }
}

/// Why a scalar of this schema does not accept a value.
pub(crate) fn refusal(scalar: &str, value: &serde_json::Value) -> Option<String> {
    let value = Value::from_json(value.clone()).ok()?;
    match scalar {
        "UInt8" => words::<UInt8>(value),
        "UInt64" => words::<UInt64>(value),
        "JSONObject" => words::<JsonObject>(value),
        _ => None,
    }
}

fn words<T: InputType + ScalarType>(value: Value) -> Option<String> {
    let told = <T as ScalarType>::parse(value).err()?.into_server_error(Pos::default()).message;
    // The library puts the name of the type in front of the message, and so does the caller.
    Some(told.strip_prefix(&format!("Failed to parse \"{}\": ", T::type_name())).unwrap_or(&told).to_owned())
}

impl UInt64 {
    /// The value if the database can store it.
    pub(crate) fn storable(self) -> Result<u64, Refusal> {
        if self.0 <= LARGEST_AMOUNT { Ok(self.0) } else { Err(Refusal::too_large(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_integers_are_read_in_every_accepted_form() {
        for (text, value) in
            [("5", 5), ("", 0), (" 7 ", 7), ("0x10", 16), ("0b11", 3), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(integer(text), Ok(value), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_unsigned_integer_says_why() {
        assert_eq!(integer("-1"), Err("Input must be unsigned.".into()));
        assert_eq!(integer("abc"), Err("Cannot convert abc to a BigInt".into()));
        assert_eq!(integer("+1"), Err("Cannot convert +1 to a BigInt".into()));
        assert_eq!(integer("1.0"), Err("Cannot convert 1.0 to a BigInt".into()));
        assert!(integer("18446744073709551616").is_err());
    }
}
