//! Finds the tenant of a paying wallet address, and the Admin API client for that tenant.
//!
//! The longest prefix decides, by whole path segments.

use admin_client::AdminClient;
use web_url::WalletAddressUrl;

/// A client for each tenant.
#[derive(Clone)]
pub struct Tenants {
    usual: AdminClient,
    by_prefix: Vec<(WalletAddressUrl, AdminClient)>,
}

impl Tenants {
    /// One client for all wallet addresses.
    pub fn one(usual: AdminClient) -> Self {
        Self { usual, by_prefix: Vec::new() }
    }

    /// Uses `client` for wallet addresses below `prefix`.
    pub fn with(mut self, prefix: WalletAddressUrl, client: AdminClient) -> Self {
        self.by_prefix.push((prefix, client));
        self
    }

    /// The client for this wallet address.
    pub(crate) fn of(&self, wallet_address: &str) -> &AdminClient {
        let Ok(address) = wallet_address.parse::<WalletAddressUrl>() else { return &self.usual };
        let fitting = self.by_prefix.iter().filter(|(prefix, _)| address.below(prefix).is_some());
        fitting.max_by_key(|(prefix, _)| prefix.as_str().len()).map_or(&self.usual, |(_, client)| client)
    }
}
