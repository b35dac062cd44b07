//! Settings that pages of every kind have: how cookies are sent, and the colour.
//!
//! The settings of one product are with its pages.

use std::time::Duration;

use http::HeaderValue;

/// Whether browsers also send cookies over plain http.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// Over TLS only.
    Secure,
    /// Over any connection, as in development.
    Plain,
}

impl Cookies {
    /// A `Set-Cookie` line for all pages. An empty value removes the cookie. Without `lives` it ends with the browser.
    pub fn line(self, name: &str, value: &str, lives: Option<Duration>) -> Option<HeaderValue> {
        let secure = match self {
            Self::Secure => "; Secure",
            Self::Plain => "",
        };
        let age = match (value, lives) {
            ("", _) => "; Max-Age=0".to_owned(),
            (_, Some(lives)) => format!("; Max-Age={}", lives.as_secs()),
            (_, None) => String::new(),
        };
        HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}")).ok()
    }
}

/// The colour that distinguishes the pages of two institutions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accent {
    /// The default.
    #[default]
    Teal,
    /// Of the second institution of the playground.
    Plum,
}

impl Accent {
    /// The name in the style sheets.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Teal => "teal",
            Self::Plum => "plum",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_hidden_from_scripts_and_goes_over_tls_only_unless_it_is_for_development() {
        let line = |cookies: Cookies, value, lives| cookies.line("c", value, lives).unwrap();
        assert_eq!(line(Cookies::Secure, "x", None), "c=x; Path=/; HttpOnly; SameSite=Lax; Secure");
        let day = Some(Duration::from_hours(24));
        assert_eq!(line(Cookies::Plain, "x", day), "c=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400");
        assert_eq!(line(Cookies::Plain, "", day), "c=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        assert_eq!(Cookies::Plain.line("c", "x\r\nSet-Cookie: y", None), None);
    }
}
