//! The ways in which a caller may prove who it is, as one setting: a bearer token (RFC 6750) or a shared secret.
//! The proofs themselves are checked elsewhere.

use std::str::FromStr;

/// The accepted ways of one role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ways {
    /// A secret that both sides know: it signs a request (HMAC), or it is shown.
    #[default]
    SharedSecret,
    /// A token of the provider.
    Token,
    /// One of them. Callers of this program use tokens.
    Either,
}

/// The text names no way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of hmac, token, and \"hmac,token\" for both")]
pub struct UnknownWay(pub String);

impl Ways {
    /// Whether a shared secret is accepted.
    pub const fn secrets(self) -> bool {
        matches!(self, Self::SharedSecret | Self::Either)
    }

    /// Whether a token is accepted.
    pub const fn tokens(self) -> bool {
        matches!(self, Self::Token | Self::Either)
    }
}

impl FromStr for Ways {
    type Err = UnknownWay;

    fn from_str(text: &str) -> Result<Self, UnknownWay> {
        let mut words: Vec<&str> = text.split(',').map(str::trim).collect();
        words.sort_unstable();
        match words.as_slice() {
            ["hmac"] => Ok(Self::SharedSecret),
            ["token"] => Ok(Self::Token),
            ["hmac", "token"] => Ok(Self::Either),
            _ => Err(UnknownWay(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_named_alone_or_together_and_nothing_opens_a_link_by_accident() {
        for (text, ways) in [
            ("hmac", Ways::SharedSecret),
            ("token", Ways::Token),
            ("token, hmac", Ways::Either),
            ("hmac,token", Ways::Either),
        ] {
            assert_eq!(text.parse(), Ok(ways), "{text}");
        }
        for text in ["", "none", "open", "HMAC", "hmac,", "hmac,hmac", "mtls"] {
            assert_eq!(text.parse::<Ways>(), Err(UnknownWay(text.to_owned())), "{text}");
        }
        assert!(Ways::Either.secrets() && Ways::Either.tokens());
        assert!(!Ways::Token.secrets() && !Ways::SharedSecret.tokens());
    }
}
