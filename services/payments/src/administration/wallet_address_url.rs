//! What the URL of a new wallet address may be (multi-tenancy section 7).
//!
//! Pure: the tenant's base URL and the input go in, the URL to store comes out.

use url::Url;

/// The address is not acceptable under the tenant's base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid url")]
pub struct InvalidWalletAddressUrl;

/// Paths with these parts belong to the resources of Open Payments.
const RESERVED: [&str; 3] = ["/incoming-payments", "/outgoing-payments", "/quotes"];

/// The URL of a wallet address: `address` if it is a URL below `base`, or else `base` and `address` joined; in lower
/// case.
pub fn resolve(base: &Url, address: &str) -> Result<String, InvalidWalletAddressUrl> {
    let url = match Url::parse(address) {
        Ok(url) if url.has_host() => is_below(base, &url).then_some(url).ok_or(InvalidWalletAddressUrl)?,
        _ => join(base, address)?,
    };
    let path = url.path().to_ascii_lowercase();
    let acceptable = url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && path != "/"
        && !RESERVED.iter().any(|reserved| path.contains(reserved));
    acceptable.then(|| url.as_str().to_lowercase()).ok_or(InvalidWalletAddressUrl)
}

/// Same origin, and the path begins with the base's whole segments.
fn is_below(base: &Url, url: &Url) -> bool {
    let base_path = base.path().trim_end_matches('/').to_ascii_lowercase();
    let path = url.path().to_ascii_lowercase();
    let rest = path.strip_prefix(&base_path);
    base.origin() == url.origin() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn join(base: &Url, relative: &str) -> Result<Url, InvalidWalletAddressUrl> {
    let relative = relative.strip_prefix('/').unwrap_or(relative);
    if relative.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(InvalidWalletAddressUrl);
    }
    let path = base.path().trim_end_matches('/');
    let joined = format!("{}{path}/{relative}", base.origin().ascii_serialization());
    let url = Url::parse(&joined).map_err(|_| InvalidWalletAddressUrl)?;
    // `..` could climb out of the base.
    if is_below(base, &url) { Ok(url) } else { Err(InvalidWalletAddressUrl) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(base: &str, address: &str) -> Option<String> {
        resolve(&Url::parse(base).unwrap(), address).ok()
    }

    #[test]
    fn what_lies_below_the_base_is_accepted_in_lower_case() {
        let table = [
            ("https://t1.example", "eve", "https://t1.example/eve"),
            ("https://t1.example", "/eve", "https://t1.example/eve"),
            ("https://t1.example", "https://t1.example/x/y", "https://t1.example/x/y"),
            ("https://t1.example", "HTTPS://T1.EXAMPLE/CaSe", "https://t1.example/case"),
            ("https://h/alice", "https://h/alice/bob", "https://h/alice/bob"),
            ("https://h/alice/", "", "https://h/alice/"),
            ("https://localhost:3000/", "accounts/Gfranklin", "https://localhost:3000/accounts/gfranklin"),
        ];
        for (base, address, url) in table {
            assert_eq!(resolved(base, address).as_deref(), Some(url), "{base} {address}");
        }
    }

    #[test]
    fn what_lies_elsewhere_or_names_a_resource_is_refused() {
        let table = [
            ("https://t1.example", "https://t1.example.evil.com/x"),
            ("https://t1.example", "https://other/x"),
            ("https://t1.example", "http://t1.example/x"),
            ("https://t1.example", ""),
            ("https://t1.example", "/"),
            ("https://t1.example", "https://t1.example"),
            ("https://t1.example", "x/quotesabc"),
            ("https://t1.example", "carl?x=1#f"),
            ("https://t1.example", "a b"),
            ("https://h/alice", "https://h/alicefoo"),
            ("https://h/alice", "../bob"),
            ("https://t1.example", "https://user@t1.example/x"),
        ];
        for (base, address) in table {
            assert_eq!(resolved(base, address), None, "{base} {address}");
        }
    }
}
