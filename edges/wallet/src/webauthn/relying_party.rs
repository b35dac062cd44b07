//! For which site passkeys are: its name for authenticators, and the only origin whose pages may use them.
//!
//! Both come from the public address of the wallet.

use sha2::{Digest, Sha256};
use url::{Host, Url};

/// The site, as authenticators know it (webauthn-3 section 13.4.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    id: String,
    origin: String,
}

impl RelyingParty {
    /// The site at a public address. Browsers know passkeys for names only, not for numeric addresses of hosts.
    pub(crate) fn of(public_url: &Url) -> Option<Self> {
        let Some(Host::Domain(id)) = public_url.host() else { return None };
        Some(Self { id: id.to_owned(), origin: public_url.origin().ascii_serialization() })
    }

    /// The name that browsers are told.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn is_origin(&self, origin: &str) -> bool {
        self.origin == origin
    }

    pub(super) fn is_hash(&self, hash: &[u8]) -> bool {
        Sha256::digest(self.id.as_bytes())[..] == *hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_host_and_the_origin_has_scheme_and_port() {
        let of = |url: &str| RelyingParty::of(&url.parse().unwrap());
        let bank = of("https://Wallet.Bank.example/").unwrap();
        assert_eq!((bank.id(), bank.origin.as_str()), ("wallet.bank.example", "https://wallet.bank.example"));
        assert!(!bank.is_origin("https://wallet.bank.example:8443") && !bank.is_origin("http://wallet.bank.example"));
        assert!(!bank.is_origin("https://wallet.bank.example.evil.example"));
        let local = of("http://localhost:3030/").unwrap();
        assert_eq!((local.id(), local.origin.as_str()), ("localhost", "http://localhost:3030"));
        assert_eq!(of("http://127.0.0.1:3030/"), None);
        assert_eq!(of("http://[::1]:3030/"), None);
    }
}
