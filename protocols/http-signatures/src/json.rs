//! JSON (RFC 8259) read strictly, without duplicate names, and written compactly the way ECMAScript does (ECMA-262
//! section 25.5.2).
//!
//! Official clients compute the digest of the compact form. This digest does not cover the received octets. So a
//! receiver must read the body with [`parse_json`] only, or two readers could see two bodies.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The octets are not one JSON text with unique names.
#[derive(Debug, thiserror::Error)]
#[error("the body is not acceptable JSON: {0}")]
pub struct JsonError(#[from] serde_json::Error);

/// Reads one JSON text, refusing duplicate names, numbers beyond a double's range and nesting beyond 128 levels.
pub fn parse_json(text: &[u8]) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("member {name:?} occurs twice")));
            }
            object.insert(name, members.next_value_seed(Strict)?);
        }
        Ok(Value::Object(object))
    }
}

/// `value` as ECMAScript's `JSON.stringify` writes it: no white space, numbers as shortest doubles, names that look like
/// array indices first in ascending order, the others as received.
pub fn to_compact_json(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(out, members),
    }
}

fn write_object(out: &mut String, members: &Map<String, Value>) {
    let mut indices: Vec<(u32, &String, &Value)> =
        members.iter().filter_map(|(name, value)| Some((array_index(name)?, name, value))).collect();
    indices.sort_unstable_by_key(|(index, ..)| *index);
    let indices = indices.into_iter().map(|(_, name, value)| (name, value));
    let others = members.iter().filter(|(name, _)| array_index(name).is_none());
    out.push('{');
    for (position, (name, value)) in indices.chain(others).enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_string(out, name);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

/// The integer of a canonical decimal below 2^32 - 1, which ECMAScript orders before all other names.
fn array_index(name: &str) -> Option<u32> {
    let digits = name.bytes().all(|b| b.is_ascii_digit());
    let canonical = name == "0" || !name.starts_with('0');
    if !digits || !canonical { None } else { name.parse().ok().filter(|index| *index < u32::MAX) }
}

fn write_number(out: &mut String, number: &Number) {
    match number.as_f64() {
        Some(double) => out.push_str(ryu_js::Buffer::new().format(double)),
        None => out.push_str("null"),
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                const HEX: [char; 16] =
                    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
                let code = usize::from(u8::try_from(control).unwrap_or_default());
                out.push_str("\\u00");
                out.extend([HEX[code >> 4], HEX[code & 15]]);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compacted(text: &str) -> String {
        to_compact_json(&parse_json(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_compact_form_is_the_one_ecmascript_writes() {
        for (text, expected) in [
            (r#"{ "b": 1, "10": 2, "a": 3, "9": 4, "01": 5 }"#, r#"{"9":4,"10":2,"b":1,"a":3,"01":5}"#),
            (r#"{"4294967295":1,"4294967294":2}"#, r#"{"4294967294":2,"4294967295":1}"#),
            ("[1.0, 1e3, 1e21, 0.1, -0, 1e-7, 12345678901234567890]", "[1,1000,1e+21,0.1,0,1e-7,12345678901234567000]"),
            (r#""\u00e9\/\u0001\u007f\u2028""#, "\"é/\\u0001\u{7f}\u{2028}\""),
            ("[0.30000000000000004, 9007199254740993, 5e-324]", "[0.30000000000000004,9007199254740992,5e-324]"),
        ] {
            assert_eq!(compacted(text), expected, "{text}");
        }
    }

    #[test]
    fn duplicate_names_numbers_out_of_range_and_trailing_text_are_refused() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"a":{"b":1,"\u0062":2}}]"#, "1e400", "{} x", "", "\"\\ud800\""] {
            assert!(parse_json(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse_json("[".repeat(100_000).as_bytes()).is_err());
    }
}
