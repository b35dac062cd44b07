//! Says what is wrong with a signature: of a request to an Admin API or a webhook (`shared_secret`), or of an HTTP
//! message (`message`, RFC 9421).
//!
//! It decides nothing. Servers verify with `admin-signature` and `http-signatures`; this crate explains a refusal to a
//! developer by trying the usual mistakes one by one.

#![warn(missing_docs)]

pub mod message;
pub mod shared_secret;

use std::fmt;

/// One mistake, or one thing to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable name of the mistake, for programs and searches.
    pub code: &'static str,
    /// What is wrong and what to do about it.
    pub advice: String,
}

impl Finding {
    fn new(code: &'static str, advice: impl Into<String>) -> Self {
        Self { code, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.advice)
    }
}
