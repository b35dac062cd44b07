//! A JSON body of one object, with bounded texts, lists and nesting.
//!
//! Reading the octets is in `body`. What the members mean is checked by the listener.

use outside_text::{Bounds, check_json};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The object in `body`. The error is for its sender.
pub fn parse_json_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    check_json("body", &body, Bounds::EVENT).map_err(|unfit| unfit.to_string())?;
    serde_json::from_value(body).map_err(|error| format!("body {error}"))
}
