//! Which URL a new wallet address may have.
//!
//! Pure: the tenant's base URL and the input go in, the URL to store comes out. The database checks that it is unique.

use url::Url;
use web_url::{InvalidUrl, WalletAddressUrl};

/// The address is not allowed under the tenant's base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWalletAddressUrl {
    /// It is not a URL, or not one that a wallet address can have.
    #[error("invalid url: address {0}")]
    Malformed(#[from] InvalidUrl),
    /// It is not below the base, or not https, or has no path.
    #[error("invalid url: address must be a path below {base}")]
    Elsewhere {
        /// The base of the tenant's addresses.
        base: WalletAddressUrl,
    },
    /// One of its path segments is reserved for a route of the listener.
    #[error("invalid url: {name} is a reserved name")]
    Reserved {
        /// The segment.
        name: String,
    },
}

/// Collections of Open Payments resources. Segments that begin with these names are reserved too, as in the original.
const COLLECTIONS: [&str; 3] = ["incoming-payments", "outgoing-payments", "quotes"];

/// Segments that are reserved anywhere in a path: key sets, DID documents, grants, well-known URIs (RFC 8615).
const RESERVED: [&str; 4] = ["jwks.json", "did.json", "outgoing-payment-grant", ".well-known"];

/// The listener's own route, reserved as the first segment only.
const RESERVED_FIRST: &str = "healthz";

/// The URL of a wallet address: `address` if it is a URL below `base`, or else `base` and `address` joined.
pub fn resolve(base: &WalletAddressUrl, address: &str) -> Result<WalletAddressUrl, InvalidWalletAddressUrl> {
    let absolute = Url::parse(address).is_ok_and(|url| url.has_host());
    let url: WalletAddressUrl = if absolute {
        address.parse()?
    } else {
        let relative = address.strip_prefix('/').unwrap_or(address);
        format!("{base}/{relative}").parse()?
    };
    let within = url.below(base).is_some() && url.as_str().starts_with("https:") && !url.path().is_empty();
    if !within {
        return Err(InvalidWalletAddressUrl::Elsewhere { base: base.clone() });
    }
    let reserved = (0..).zip(url.names()).find(|(place, name)| is_reserved(*place, name));
    match reserved {
        Some((_, name)) => Err(InvalidWalletAddressUrl::Reserved { name }),
        None => Ok(url),
    }
}

fn is_reserved(place: usize, name: &str) -> bool {
    COLLECTIONS.iter().any(|collection| name.starts_with(collection))
        || RESERVED.contains(&name)
        || (place == 0 && name == RESERVED_FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(base: &str, address: &str) -> Option<String> {
        resolve(&base.parse().unwrap(), address).ok().map(String::from)
    }

    #[test]
    fn what_lies_below_the_base_is_accepted_in_its_one_form() {
        let table = [
            ("https://t1.example", "eve", "https://t1.example/eve"),
            ("https://t1.example", "/eve/", "https://t1.example/eve"),
            ("https://t1.example", "https://t1.example/x/y", "https://t1.example/x/y"),
            ("https://t1.example", "HTTPS://T1.EXAMPLE:443/CaSe", "https://t1.example/case"),
            ("https://T1.example/", "%62ob", "https://t1.example/bob"),
            ("https://t1.example", "čau", "https://t1.example/%c4%8dau"),
            ("https://h/alice", "https://h/alice/bob", "https://h/alice/bob"),
            ("https://h/alice/", "", "https://h/alice"),
            ("https://localhost:3000/", "accounts/Gfranklin", "https://localhost:3000/accounts/gfranklin"),
            ("https://t1.example", "accounts/healthz", "https://t1.example/accounts/healthz"),
        ];
        for (base, address, url) in table {
            assert_eq!(resolved(base, address).as_deref(), Some(url), "{base} {address}");
        }
    }

    #[test]
    fn what_lies_elsewhere_or_can_be_read_in_two_ways_is_refused() {
        let table = [
            ("https://t1.example", "https://t1.example.evil.com/x"),
            ("https://t1.example", "https://other/x"),
            ("https://t1.example", "http://t1.example/x"),
            ("https://t1.example", ""),
            ("https://t1.example", "/"),
            ("https://t1.example", "https://t1.example"),
            ("https://t1.example", "carl?x=1#f"),
            ("https://t1.example", "a b"),
            ("https://t1.example", "//x"),
            ("https://t1.example", "a//x"),
            ("https://t1.example", "a%2Fx"),
            ("https://t1.example", "a\u{202e}x"),
            ("https://h/alice", "https://h/alicefoo"),
            ("https://h/alice", "../bob"),
            ("https://t1.example", "https://user@t1.example/x"),
        ];
        for (base, address) in table {
            assert_eq!(resolved(base, address), None, "{base} {address}");
        }
        assert_eq!(resolved("https://t1.example", &"a".repeat(3000)), None);
    }

    #[test]
    fn names_the_listener_answers_itself_are_refused_in_every_spelling() {
        let table = [
            "alice/jwks.json",
            "alice/JWKS%2ejson",
            "alice/did.json",
            "healthz",
            "%68ealthz",
            ".well-known/pay",
            "x/incoming-payments",
            "x/quotesabc",
            "outgoing-payments/1",
            "x/outgoing-payment-grant",
        ];
        for address in table {
            let refused = resolve(&"https://t1.example".parse().unwrap(), address);
            assert!(matches!(refused, Err(InvalidWalletAddressUrl::Reserved { .. })), "{address}");
        }
    }
}
