//! A sent form: values by name. A value that cannot be used gets a reason.
//!
//! The pages decide what to do with the values.

use std::collections::BTreeMap;

use page_kit::numbers;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::reading::Reading;
use crate::view::{Field, Form, Money};

/// The maximum size of a form.
pub(crate) const FORM_MAX: usize = 256 * 1024;

const EMPTY: &str = "This is needed.";

/// The values of a form, and their faults.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posted {
    values: BTreeMap<String, String>,
    /// All values of a name, where there are several.
    lists: BTreeMap<String, Vec<String>>,
    wrong: BTreeMap<&'static str, &'static str>,
    /// The fault of the form as a whole.
    pub(crate) problem: Option<String>,
    path: String,
    key: Option<Uuid>,
    /// Whether the form may have taken effect. Then it may only be sent again with the same key.
    open: bool,
    /// What it moves.
    moves: Option<Money>,
    /// The decimal places of its amounts.
    scale: Option<u8>,
}

impl Posted {
    /// Reads an `application/x-www-form-urlencoded` body. Of several equal names the last one counts.
    pub(crate) fn read(body: &[u8]) -> Self {
        let mut posted = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let value = value.trim().to_owned();
            posted.lists.entry(name.clone().into_owned()).or_default().push(value.clone());
            posted.values.insert(name.into_owned(), value);
        }
        posted
    }

    /// Of the form at `path`, whose key is `key`.
    pub(crate) fn of_form(self, path: &str, key: Uuid) -> Self {
        Self { path: path.to_owned(), key: Some(key), ..self }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The idempotency key.
    pub(crate) fn key(&self) -> Option<Uuid> {
        self.key
    }

    /// The key, if it is unknown whether the form has taken effect.
    pub(crate) fn same_key(&self) -> Option<Uuid> {
        self.key.filter(|_| self.open)
    }

    /// Notes the amount that the form moves. Above a limit it waits for a second person.
    pub(crate) fn moves(&mut self, amount: Money) {
        self.moves = Some(amount);
    }

    pub(crate) fn moved(&self) -> Option<&Money> {
        self.moves.as_ref()
    }

    /// The decimal places of its amounts, once one was read. All amounts of a form are of one asset.
    pub(crate) fn scale(&self) -> Option<u8> {
        self.scale
    }

    /// Notes that it is unknown whether the form has taken effect.
    pub(crate) fn unknown(&mut self, reason: String) {
        self.open = true;
        self.problem = Some(reason);
    }

    /// The value as sent; empty if it was not sent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether nothing was sent, and nothing is to be said.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.is_good()
    }

    /// All values of the fields with this name.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }

    /// What the user gave as the reason of a change that cannot be undone.
    pub(crate) fn why(&self) -> Option<String> {
        self.optional("why").map(|why| why.chars().take(500).collect())
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.text(name) == "yes"
    }

    /// The value as sent, or `None` if it is empty.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The text, or `null`, which clears the stored value.
    pub(crate) fn or_null(&self, name: &str) -> Value {
        self.optional(name).map_or(Value::Null, |text| json!(text))
    }

    pub(crate) fn refuse(&mut self, name: &'static str, reason: &'static str) {
        self.wrong.entry(name).or_insert(reason);
    }

    /// Whether all values can be used.
    pub(crate) fn is_good(&self) -> bool {
        self.wrong.is_empty() && self.problem.is_none()
    }

    pub(crate) fn required(&mut self, name: &'static str) -> String {
        let text = self.text(name).to_owned();
        if text.is_empty() {
            self.refuse(name, EMPTY);
        } else if text.chars().count() > 2000 || text.contains('\0') {
            self.refuse(name, "This is too long, or contains characters that cannot be stored.");
        }
        text
    }

    /// The amount that the page showed when the form was made; `None` if it was not known.
    pub(crate) fn shown_amount(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    /// Certificates or a key in PEM.
    pub(crate) fn pem(&mut self, name: &'static str) -> String {
        let text = self.text(name).to_owned();
        if text.is_empty() {
            self.refuse(name, EMPTY);
        } else if !text.starts_with("-----BEGIN ") {
            self.refuse(name, "This is not PEM; it begins with -----BEGIN.");
        }
        text
    }

    /// A change that cannot be undone needs the exact keyword.
    pub(crate) fn confirm(&mut self, keyword: &str) {
        if self.text("keyword") != keyword {
            self.problem = Some(format!("Type \u{201c}{keyword}\u{201d} exactly to confirm."));
        }
    }

    pub(crate) fn id(&mut self, name: &'static str) -> Option<Uuid> {
        let text = self.required(name);
        let id = Uuid::parse_str(&text).ok();
        if id.is_none() {
            self.refuse(name, "This is not an id; ids look like 438fa74a-fa7d-4317-9ced-dde32ece1787.");
        }
        id
    }

    pub(crate) fn url(&mut self, name: &'static str) -> Option<String> {
        let text = self.optional(name)?.to_owned();
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => Some(text),
            _ => {
                self.refuse(name, "This is not a URL; write it with https:// and a host.");
                None
            }
        }
    }

    pub(crate) fn number(&mut self, name: &'static str, most: u64, reason: &'static str) -> Option<u64> {
        let number = self.optional(name)?.parse().ok().filter(|number| *number <= most);
        if number.is_none() {
            self.refuse(name, reason);
        }
        number
    }

    /// An amount in the smallest unit; `None` if the field is empty.
    pub(crate) fn amount(&mut self, name: &'static str, scale: u8, words: Reading) -> Option<u64> {
        self.scale = Some(scale);
        let text = self.optional(name)?.to_owned();
        match numbers::parse(&text, scale, words) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(name, reason);
                None
            }
        }
    }

    /// An amount above zero.
    pub(crate) fn some_amount(&mut self, name: &'static str, scale: u8, words: Reading) -> Option<u64> {
        if self.optional(name).is_none() {
            self.refuse(name, EMPTY);
        }
        let value = self.amount(name, scale, words);
        if value == Some(0) {
            self.refuse(name, "The amount should be more than zero.");
        }
        value
    }

    /// The form with the sent values and their faults. Passwords are left out.
    pub(crate) fn fill(&self, mut form: Form) -> Form {
        let fill = |field: Field| {
            let value = match field.input {
                crate::view::Input::Password | crate::view::Input::SecretLines => String::new(),
                crate::view::Input::Shown => field.value.clone(),
                crate::view::Input::Several(_) => self.all(field.name).join(","),
                _ => self.text(field.name).to_owned(),
            };
            Field { error: self.wrong.get(field.name).copied(), value, ..field }
        };
        form.fields = form.fields.into_iter().map(fill).collect();
        form.why = self.why().unwrap_or_default();
        form.error = self.problem.clone().or_else(|| {
            (!self.wrong.is_empty()).then(|| "Correct the marked fields below and send the form again.".to_owned())
        });
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_marked_and_everything_written_stays() {
        let mut posted = Posted::read(b"code=&scale=300&url=ftp%3A%2F%2Fx&amount=1.155&name=A+%26+B&secret=s");
        posted.required("code");
        posted.number("scale", 255, "Scale should be from 0 to 255");
        posted.url("url");
        posted.some_amount("amount", 2, page_kit::Words::English.into());
        assert!(!posted.is_good());
        let field = |name: &'static str, input| Field::new(name, name, input);
        let form = posted.fill(Form::new("t", "/x", "s").fields([
            field("code", crate::view::Input::Text),
            field("name", crate::view::Input::Text),
            field("secret", crate::view::Input::Password),
        ]));
        assert_eq!(form.fields[0].error, Some(EMPTY));
        assert_eq!(form.fields[1].value, "A & B");
        assert_eq!(form.fields[2].value, "", "a secret is never written back");
        assert_eq!(posted.wrong.len(), 4);
    }
}
