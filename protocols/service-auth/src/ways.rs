//! The ways in which a caller may prove who it is, as one setting: a shared secret, a bearer token (RFC 6750), or the
//! certificate of its connection (RFC 8446). The proofs themselves are checked elsewhere.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Service;

/// The accepted ways of one link. There is at least one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ways(u8);

/// The names of the ways, and their bits.
const NAMES: [(&str, Ways); 3] = [("hmac", Ways::SHARED_SECRET), ("token", Ways::TOKEN), ("mtls", Ways::CERTIFICATE)];

/// The text names no way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of hmac, token, mtls, and several of them with commas, for example \"hmac,token\"")]
pub struct UnknownWay(pub String);

impl Ways {
    /// A secret that both sides know: it signs a request (HMAC), or it is shown.
    pub const SHARED_SECRET: Self = Self(1);
    /// A token of the provider.
    pub const TOKEN: Self = Self(2);
    /// The certificate that the caller shows when it connects.
    pub const CERTIFICATE: Self = Self(4);

    /// These ways and others.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    const fn has(self, way: Self) -> bool {
        self.0 & way.0 != 0
    }

    /// Whether a shared secret is accepted.
    pub const fn secrets(self) -> bool {
        self.has(Self::SHARED_SECRET)
    }

    /// Whether a token is accepted.
    pub const fn tokens(self) -> bool {
        self.has(Self::TOKEN)
    }

    /// Whether a certificate is accepted.
    pub const fn certificates(self) -> bool {
        self.has(Self::CERTIFICATE)
    }
}

impl Default for Ways {
    fn default() -> Self {
        Self::SHARED_SECRET
    }
}

impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = NAMES.iter().filter(|(_, way)| self.has(*way)).map(|(name, _)| *name).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Ways {
    type Err = UnknownWay;

    fn from_str(text: &str) -> Result<Self, UnknownWay> {
        let unknown = || UnknownWay(text.to_owned());
        let mut read = Self(0);
        for word in text.split(',').map(str::trim) {
            let (_, way) = NAMES.iter().find(|(name, _)| *name == word).ok_or_else(unknown)?;
            if read.has(*way) {
                return Err(unknown());
            }
            read = read.and(*way);
        }
        Ok(read)
    }
}

/// The ways of all links of a role: the usual ones, and those of single links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkWays {
    usual: Ways,
    links: Arc<[(Service, Ways)]>,
}

impl LinkWays {
    /// `usual` everywhere except on these links.
    pub fn new(usual: Ways, links: Vec<(Service, Ways)>) -> Self {
        Self { usual, links: links.into() }
    }

    /// The ways of the link to a service. Its caller and the service itself both use them.
    pub fn of(&self, service: Service) -> Ways {
        self.links.iter().find(|(own, _)| *own == service).map_or(self.usual, |(_, ways)| *ways)
    }

    /// Whether a link has one of these ways.
    pub fn any(&self, has: impl Fn(Ways) -> bool) -> bool {
        has(self.usual) || self.links.iter().any(|(_, ways)| has(*ways))
    }
}

impl From<Ways> for LinkWays {
    fn from(usual: Ways) -> Self {
        Self { usual, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_named_alone_or_together_and_nothing_opens_a_link_by_accident() {
        let (hmac, token, mtls) = (Ways::SHARED_SECRET, Ways::TOKEN, Ways::CERTIFICATE);
        for (text, ways) in [
            ("hmac", hmac),
            ("token", token),
            ("token, hmac", hmac.and(token)),
            ("hmac,token", hmac.and(token)),
            ("mtls", mtls),
            ("mtls,hmac", hmac.and(mtls)),
            ("hmac,token,mtls", hmac.and(token).and(mtls)),
        ] {
            assert_eq!(text.parse(), Ok(ways), "{text}");
        }
        for text in ["", "none", "open", "HMAC", "hmac,", "hmac,hmac", "tls", "hmac+token"] {
            assert_eq!(text.parse::<Ways>(), Err(UnknownWay(text.to_owned())), "{text}");
        }
        assert!(hmac.and(token).secrets() && hmac.and(token).tokens() && !hmac.and(token).certificates());
        assert!(!token.secrets() && !hmac.tokens() && mtls.certificates());
        assert_eq!(mtls.and(hmac).to_string(), "hmac,mtls");
    }

    #[test]
    fn a_link_may_have_ways_of_its_own() {
        let ways = LinkWays::new(Ways::SHARED_SECRET, vec![(Service::Rates, Ways::TOKEN)]);
        assert_eq!((ways.of(Service::Rates), ways.of(Service::AuthIdp)), (Ways::TOKEN, Ways::SHARED_SECRET));
        assert!(ways.any(Ways::tokens) && ways.any(Ways::secrets) && !ways.any(Ways::certificates));
    }
}
