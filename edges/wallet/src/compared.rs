//! The form in which wallet addresses are compared: two ways to write one address are equal in it.
//!
//! How an address is shown is in the pages.

use web_url::WalletAddressUrl;

/// An address in the form in which addresses are compared.
pub(crate) fn normal(url: &str) -> String {
    url.parse::<WalletAddressUrl>().map_or_else(|_| url.to_owned(), |url| url.as_str().to_owned())
}
