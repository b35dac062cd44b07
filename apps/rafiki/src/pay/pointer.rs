//! Parses the forms of wallet addresses that people write: URLs and payment pointers.
//! Whether the address exists is asked in `payer`.

use url::Url;

use super::PayError;

/// The wallet address of `text`: an https URL, or `$host/path` for `https://host/path`.
///
/// `http` is read as the `https` identifier of the playground.
pub(crate) fn wallet_address(text: &str) -> Result<Url, PayError> {
    let unusable = || PayError::NotAnAddress(text.to_owned());
    let written = match text.trim().strip_prefix('$') {
        Some(pointer) => format!("https://{pointer}"),
        None => text.trim().replacen("http://", "https://", 1),
    };
    let mut url = Url::parse(&written).map_err(|_| unusable())?;
    if url.scheme() != "https" || url.host_str().is_none() || url.query().is_some() || url.fragment().is_some() {
        return Err(unusable());
    }
    if url.path().contains("/incoming-payments/") {
        return Err(PayError::IncomingPayment(text.to_owned()));
    }
    // A slash at the end has no meaning for users.
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(if path.is_empty() { "/.well-known/pay" } else { &path });
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_and_urls_mean_the_same_address() {
        let read = |text: &str| wallet_address(text).unwrap().to_string();
        assert_eq!(read("$localhost:4000/accounts/pfry"), "https://localhost:4000/accounts/pfry");
        assert_eq!(read("http://localhost:4000/accounts/pfry"), "https://localhost:4000/accounts/pfry");
        assert_eq!(read("$wallet.example"), "https://wallet.example/.well-known/pay");
        assert_eq!(read("https://localhost:4000/accounts/pfry/"), "https://localhost:4000/accounts/pfry");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["pfry", "$", "ftp://h/x", "https://h/x?y", "mailto:a@b"] {
            assert!(wallet_address(text).is_err(), "{text}");
        }
    }
}
