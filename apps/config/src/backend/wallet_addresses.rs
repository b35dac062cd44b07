//! How wallet addresses are served.
//! The ports and the public URL are in `backend`.

use std::time::Duration;

use url::Url;

use crate::reader::{ByDefault, Reader};

/// How wallet addresses are served.
#[derive(Clone, Debug)]
pub struct WalletAddresses {
    /// `WALLET_ADDRESS_URL`: the instance's own wallet address, its identity as a client.
    pub own_url: Url,
    /// `WALLET_ADDRESS_REDIRECT_HTML_PAGE`: template for browsers.
    pub redirect_html_page: Option<String>,
    /// `WALLET_ADDRESS_LOOKUP_TIMEOUT_MS`: how long a request waits for an address that does not exist yet.
    pub lookup_timeout: Duration,
    /// `WALLET_ADDRESS_POLLING_FREQUENCY_MS`: how often the database is asked for it, in case a notification is lost.
    pub polling_interval: Duration,
    /// `WALLET_ADDRESS_NOT_FOUND_POLLING_ENABLED`: wait also if the document of an unknown address is requested.
    pub wait_for_document: bool,
    /// `WALLET_ADDRESS_DEACTIVATION_PAYMENT_GRACE_PERIOD_MS`: how long payments to a deactivated wallet address
    /// may still arrive.
    pub deactivation_grace: Duration,
}

impl WalletAddresses {
    pub(crate) fn read(r: &mut Reader<'_>, open_payments_url: Option<&Url>) -> Option<Self> {
        let own_url = r.url("WALLET_ADDRESS_URL").or_else(|| {
            let mut url = open_payments_url?.clone();
            url.set_path("/.well-known/pay");
            Some(url)
        });
        if let Some(own_url) = own_url.as_ref().filter(|url| url.scheme() != "https") {
            r.problem("WALLET_ADDRESS_URL", format!("{own_url} must be an https URL that reaches this server"));
        }
        Some(Self {
            redirect_html_page: r.text("WALLET_ADDRESS_REDIRECT_HTML_PAGE"),
            lookup_timeout: r.millis("WALLET_ADDRESS_LOOKUP_TIMEOUT_MS", 1_500),
            polling_interval: r.millis("WALLET_ADDRESS_POLLING_FREQUENCY_MS", 100),
            wait_for_document: r.flag("WALLET_ADDRESS_NOT_FOUND_POLLING_ENABLED", ByDefault::Off),
            deactivation_grace: r.millis("WALLET_ADDRESS_DEACTIVATION_PAYMENT_GRACE_PERIOD_MS", 86_400_000),
            own_url: own_url?,
        })
    }
}
