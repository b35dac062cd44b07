//! The names of the components that a signature covers: header fields and derived components (RFC 9421 section 2).
//!
//! Component parameters (`sf`, `bs`, `key`, `req`, `tr`, `name`) are not part of the profile.

use std::fmt;

use http::HeaderName;

/// One covered component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    Field(HeaderName),
}

impl Component {
    /// The component of this identifier, `None` if it is unknown or not in lower case.
    pub(crate) fn parse(identifier: &str) -> Option<Self> {
        if identifier.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        Some(match identifier {
            "@method" => Self::Method,
            "@target-uri" => Self::TargetUri,
            "@authority" => Self::Authority,
            "@scheme" => Self::Scheme,
            "@request-target" => Self::RequestTarget,
            "@path" => Self::Path,
            "@query" => Self::Query,
            derived if derived.starts_with('@') => return None,
            field => Self::Field(HeaderName::from_bytes(field.as_bytes()).ok()?),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Method => "@method",
            Self::TargetUri => "@target-uri",
            Self::Authority => "@authority",
            Self::Scheme => "@scheme",
            Self::RequestTarget => "@request-target",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::Field(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
