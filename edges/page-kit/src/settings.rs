//! Settings that pages of every kind have: how cookies are sent, and the colour.
//!
//! The settings of one product are with its pages.

/// Whether browsers also send cookies over plain http.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// Over TLS only.
    Secure,
    /// Over any connection, as in development.
    Plain,
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
