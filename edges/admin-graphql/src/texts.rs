//! Texts in arguments, limited by their types. So a resolver never gets a text that is too long or has control
//! characters.
//!
//! In the schema all of them are `String`.

use std::borrow::Cow;
use std::ops::Deref;

use async_graphql::registry::Registry;
use async_graphql::{InputType, InputValueError, InputValueResult, Value};
use outside_text::{check_line, check_text};
use serde::Serialize;

/// One line of up to `MAX` characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line<const MAX: usize>(String);

/// A text of up to `MAX` characters that may have several lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Prose<const MAX: usize>(String);

/// What people and keys are called.
pub(crate) type Name = Line<255>;
/// What is presented to prove a right.
pub(crate) type Token = Line<1024>;
/// A URL, not yet read.
pub(crate) type UrlText = Line<2048>;

macro_rules! text_input {
    ($name:ident checked by $check:ident) => {
        impl<const MAX: usize> $name<MAX> {
            pub(crate) fn into_string(self) -> String {
                self.0
            }
        }

        impl<const MAX: usize> Deref for $name<MAX> {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> From<$name<MAX>> for String {
            fn from(text: $name<MAX>) -> Self {
                text.0
            }
        }

        impl<const MAX: usize> InputType for $name<MAX> {
            type RawValueType = Self;

            fn type_name() -> Cow<'static, str> {
                <String as InputType>::type_name()
            }

            fn create_type_info(registry: &mut Registry) -> String {
                <String as InputType>::create_type_info(registry)
            }

            fn parse(value: Option<Value>) -> InputValueResult<Self> {
                let text = <String as InputType>::parse(value).map_err(InputValueError::propagate)?;
                $check(&text, MAX).map_err(|bad| InputValueError::custom(format!("the text {bad}")))?;
                Ok(Self(text))
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
        }
    };
}

text_input!(Line checked by check_line);
text_input!(Prose checked by check_text);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_its_bounds_says_why() {
        let read = |text: &str| Line::<3>::parse(Some(Value::from(text))).map(Line::into_string);
        assert_eq!(read("čau").unwrap(), "čau");
        for (text, told) in [
            ("abcd", "the text must not be longer than 3 characters"),
            ("a\n", "the text must not contain control characters"),
            ("a\0", "the text must not contain the character U+0000"),
        ] {
            let error = read(text).unwrap_err().into_server_error(async_graphql::Pos::default());
            assert!(error.message.ends_with(told), "{}", error.message);
        }
        assert_eq!(Prose::<3>::parse(Some(Value::from("a\n"))).unwrap().into_string(), "a\n");
    }
}
