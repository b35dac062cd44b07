//! The values of a sent form.
//!
//! What they mean, and whether they can be used, is decided by the pages.

use std::collections::BTreeMap;

use uuid::Uuid;

/// Values by name.
#[derive(Clone, Debug, Default)]
pub struct Posted(BTreeMap<String, String>);

impl Posted {
    /// Reads an `application/x-www-form-urlencoded` body. Of several equal names the last one counts.
    pub fn read(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// The value without the spaces around it; empty if it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.secret(name).trim()
    }

    /// A password, with its spaces.
    pub fn secret(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The id of something.
    pub fn id(&self, name: &str) -> Option<Uuid> {
        Uuid::parse_str(self.text(name)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_only_passwords_keep_their_spaces() {
        let posted = Posted::read(b"a=1&a=+2+&%ff=x");
        assert_eq!((posted.text("a"), posted.secret("a"), posted.text("b")), ("2", " 2 ", ""));
        assert_eq!((posted.id("a"), posted.id("b")), (None, None));
    }
}
