//! Whose wallet address pays, and so as which tenant the instance is asked.
//!
//! The longest prefix decides, in whole path segments.

use admin_client::AdminClient;
use web_url::WalletAddressUrl;

/// A client for each tenant.
#[derive(Clone)]
pub struct Tenants {
    usual: AdminClient,
    by_prefix: Vec<(WalletAddressUrl, AdminClient)>,
}

impl Tenants {
    /// Every wallet address is `usual`'s.
    pub fn one(usual: AdminClient) -> Self {
        Self { usual, by_prefix: Vec::new() }
    }

    /// Wallet addresses below `prefix` are `client`'s.
    pub fn with(mut self, prefix: WalletAddressUrl, client: AdminClient) -> Self {
        self.by_prefix.push((prefix, client));
        self
    }

    /// Who is asked about this wallet address.
    pub(crate) fn of(&self, wallet_address: &str) -> &AdminClient {
        let Ok(address) = wallet_address.parse::<WalletAddressUrl>() else { return &self.usual };
        let fitting = self.by_prefix.iter().filter(|(prefix, _)| address.below(prefix).is_some());
        fitting.max_by_key(|(prefix, _)| prefix.as_str().len()).map_or(&self.usual, |(_, client)| client)
    }
}
