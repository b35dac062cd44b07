//! Reads request bodies member by member, and reports faults in the words of JSON Schema validators.
//!
//! It has no schema files. The schemas are those of the published OpenAPI documents, section "requestBody" of each
//! operation. If there are several faults, the first is reported, in the order type, required, additional, then each
//! member in schema order.

use outside_text::METADATA_MAX;
use serde_json::{Map, Value};
use url::Url;
use web_url::URL_LENGTH_MAX;

use crate::Metadata;
use crate::amount::Amount;

/// The first fault of a request: `body.incomingAmount.value must be string`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRequest(String);

impl InvalidRequest {
    /// `{location} {problem}`; the location of headers and query parameters is empty.
    pub(crate) fn new(location: &str, problem: &str) -> Self {
        Self(if location.is_empty() { problem.to_owned() } else { format!("{location} {problem}") })
    }

    /// A required member, header or query parameter is missing.
    pub fn missing(location: &str, name: &str) -> Self {
        Self::new(location, &format!("must have required property '{name}'"))
    }
}

/// An object of the request, and its place.
pub(crate) struct Reader<'a> {
    location: String,
    members: &'a Map<String, Value>,
}

impl<'a> Reader<'a> {
    pub(crate) fn body(value: &'a Value) -> Result<Self, InvalidRequest> {
        Self::object("body".to_owned(), value)
    }

    fn object(location: String, value: &'a Value) -> Result<Self, InvalidRequest> {
        match value.as_object() {
            Some(members) => Ok(Self { location, members }),
            None => Err(InvalidRequest::new(&location, "must be object")),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub(crate) fn require(&self, names: &[&str]) -> Result<(), InvalidRequest> {
        match names.iter().find(|name| !self.has(name)) {
            Some(missing) => Err(InvalidRequest::missing(&self.location, missing)),
            None => Ok(()),
        }
    }

    pub(crate) fn allow_only(&self, names: &[&str]) -> Result<(), InvalidRequest> {
        match self.members.keys().find(|name| !names.contains(&name.as_str())) {
            Some(extra) => {
                let extra: String = extra.chars().take(64).collect();
                Err(InvalidRequest::new(&self.location, &format!("must NOT have additional properties: {extra}")))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn fault(&self, name: &str, problem: &str) -> InvalidRequest {
        InvalidRequest::new(&self.at(name), problem)
    }

    fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.location)
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, InvalidRequest> {
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(name, "must be string")),
        }
    }

    pub(crate) fn required_text(&self, name: &str) -> Result<&'a str, InvalidRequest> {
        self.text(name)?.ok_or_else(|| InvalidRequest::missing(&self.location, name))
    }

    /// A required absolute URI, kept as written.
    pub(crate) fn required_uri(&self, name: &str) -> Result<String, InvalidRequest> {
        let text = self.required_text(name)?;
        if text.len() > URL_LENGTH_MAX {
            return Err(self.fault(name, &format!("must NOT have more than {URL_LENGTH_MAX} characters")));
        }
        if is_uri(text) { Ok(text.to_owned()) } else { Err(self.fault(name, "must match format \"uri\"")) }
    }

    pub(crate) fn metadata(&self, name: &str) -> Result<Option<Metadata>, InvalidRequest> {
        match self.members.get(name) {
            None => Ok(None),
            Some(value @ Value::Object(_)) if value.to_string().len() > METADATA_MAX => {
                Err(self.fault(name, &format!("must NOT be longer than {METADATA_MAX} octets")))
            }
            Some(Value::Object(members)) => Ok(Some(members.clone())),
            Some(_) => Err(self.fault(name, "must be object")),
        }
    }

    pub(crate) fn amount(&self, name: &str) -> Result<Option<Amount>, InvalidRequest> {
        let Some(value) = self.members.get(name) else { return Ok(None) };
        let amount = Reader::object(self.at(name), value)?;
        amount.require(&["value", "assetCode", "assetScale"])?;
        let digits = amount.required_text("value")?;
        let value = Amount::parse_value(digits).ok_or_else(|| amount.fault("value", "must match format \"uint64\""))?;
        let code = amount.required_text("assetCode")?;
        let scale = amount.scale("assetScale")?;
        let asset = money::Asset::new(code, scale)
            .map_err(|_| amount.fault("assetCode", "must be 1 to 255 visible characters"))?;
        Ok(Some(Amount { value, asset_code: asset.code, asset_scale: asset.scale }))
    }

    fn scale(&self, name: &str) -> Result<u8, InvalidRequest> {
        let number = self.members.get(name).and_then(Value::as_f64).filter(|number| number.fract() == 0.0);
        match number {
            None => Err(self.fault(name, "must be integer")),
            Some(number) if number < 0.0 => Err(self.fault(name, "must be >= 0")),
            // An integer that survives as text between 0 and 255 is the scale; `2.0` is the integer 2 to JSON Schema.
            Some(number) => format!("{number}").parse().map_err(|_| self.fault(name, "must be <= 255")),
        }
    }
}

/// Whether `text` is an absolute URI (RFC 3986), with characters that need escaping escaped.
fn is_uri(text: &str) -> bool {
    let plain =
        |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    text.bytes().all(plain) && Url::parse(text).is_ok()
}
