//! Reads request bodies (RFC 9635 section 2) strictly, and reports the place of the first fault.
//!
//! The place is dotted, `access_token.access.0.actions`, as clients of the reference see it.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why a body is not a valid request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// It is not JSON.
    #[error("body is not valid JSON")]
    Syntax,
    /// It is JSON, but not of the right shape.
    #[error("{at} {problem}")]
    Schema {
        /// The place, beginning with `body`.
        at: String,
        /// The fault.
        problem: String,
    },
}

impl InvalidBody {
    pub(crate) fn missing(within: &str, property: &str) -> Self {
        Self::at(within, format!("must have required property '{property}'"))
    }

    pub(crate) fn check_length(at: &str, text: &str, most: usize) -> Result<(), Self> {
        if text.len() <= most {
            return Ok(());
        }
        Err(Self::at(at, format!("must NOT have more than {most} characters")))
    }

    fn at(path: &str, problem: String) -> Self {
        let at = if path.is_empty() { "body".to_owned() } else { format!("body.{path}") };
        Self::Schema { at, problem }
    }
}

/// Deserialises an optional member that may be left out but not be `null`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a JSON body into `T`.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidBody> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| explain(&error))?;
    json.end().map_err(|_| InvalidBody::Syntax)?;
    Ok(value)
}

fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> InvalidBody {
    if !error.inner().is_data() {
        return InvalidBody::Syntax;
    }
    let path = error.path().to_string().replace('[', ".").replace(']', "");
    let message = error.inner().to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    let problem = match message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(property) => format!("must have required property '{property}'"),
        None => message.chars().take(200).collect(),
    };
    InvalidBody::at(if path == "." { "" } else { &path }, problem)
}
