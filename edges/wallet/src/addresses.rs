//! Wallet addresses of accounts: their URLs, and their creation at the instance with a published key.
//!
//! An address is its account's path below the institution's base.

use admin_client::{AdminClient, AdminError, ErrorCode, Key};
use url::Url;
use web_url::WalletAddressUrl;

use crate::effect_error::EffectError;
use crate::store::{AccountRow, Store};

/// The base of addresses, and the key that is published on them.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    base: String,
    /// Public key (base64url) published on every created address.
    key_x: Option<String>,
}

impl Addresses {
    /// Addresses below `base`.
    pub(crate) fn below(base: &Url, key_x: Option<String>) -> Self {
        Self { base: base.as_str().trim_end_matches('/').to_owned(), key_x }
    }

    pub(crate) fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// The account path of an address below the base, however it is spelled.
    pub(crate) fn path_of(&self, url: &str) -> Option<String> {
        let base: WalletAddressUrl = self.base.parse().ok()?;
        let address: WalletAddressUrl = url.parse().ok()?;
        address.below(&base)?.strip_prefix('/').map(str::to_owned)
    }

    /// Makes sure that the account's address exists at the instance with its key, and that the account has its id.
    pub(crate) async fn ensure(
        &self,
        store: &Store,
        admin: &AdminClient,
        account: &AccountRow,
    ) -> Result<(), EffectError> {
        let url = self.url_of(&account.path);
        let existing = admin.wallet_address_by_url(&url).await?;
        let record = match existing {
            Some(record) => record,
            None => self.create(admin, account, &url).await?,
        };
        if account.wallet_address_id != Some(record.id) {
            // Published before the account gets its address, so that the next run repairs a crash in between.
            self.publish_key(admin, account, record.id).await?;
            store.link_wallet_address(account.id, record.id, &record.address).await?;
        }
        Ok(())
    }

    async fn create(
        &self,
        admin: &AdminClient,
        account: &AccountRow,
        url: &str,
    ) -> Result<admin_client::WalletAddressRecord, EffectError> {
        let asset = admin.asset_by_code_and_scale(account.asset.code.as_str(), account.asset.scale).await?;
        let asset = asset.ok_or_else(|| AdminError::Refused {
            code: ErrorCode::NotFound,
            message: format!("the instance has no asset {}", account.asset),
            details: None,
        })?;
        match admin.create_wallet_address(asset.id, url, &account.name).await {
            Ok(record) => Ok(record),
            // Another event asked for the same address at the same time.
            Err(error) if error.is(&ErrorCode::Duplicate) => {
                admin.wallet_address_by_url(url).await?.ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn publish_key(
        &self,
        admin: &AdminClient,
        account: &AccountRow,
        wallet_address: uuid::Uuid,
    ) -> Result<(), EffectError> {
        let Some(x) = &self.key_x else { return Ok(()) };
        let key = Key { kid: format!("keyid-{}", account.id), x: x.clone() };
        match admin.create_wallet_address_key(wallet_address, &key).await {
            Ok(()) => Ok(()),
            Err(error) if error.is(&ErrorCode::Duplicate) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_leads_to_its_path_and_back() {
        let addresses = Addresses::below(&"https://localhost:3000".parse().unwrap(), None);
        assert_eq!(addresses.url_of("accounts/asmith"), "https://localhost:3000/accounts/asmith");
        for spelling in ["https://LOCALHOST:3000/Accounts/ASmith/", "https://localhost:3000/accounts/%61smith"] {
            assert_eq!(addresses.path_of(spelling), Some("accounts/asmith".to_owned()), "{spelling}");
        }
        for foreign in ["https://localhost:30001/accounts/asmith", "https://localhost:3000", "https://localhost:3000/"]
        {
            assert_eq!(addresses.path_of(foreign), None, "{foreign}");
        }
    }
}
