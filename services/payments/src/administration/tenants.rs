//! Settings of tenants (multi-tenancy sections 4.3 and 5).

use payments_model::tenant::{Setting, SettingKey};
use url::Url;

use super::assets::from_store;
use super::{Administration, Caller};
use crate::Unavailable;

/// Why settings were not made.
#[derive(Debug, thiserror::Error)]
pub enum PutSettingsError {
    /// A value is not acceptable for its key.
    #[error("Invalid value for one or more tenant settings")]
    Invalid,
    /// Another tenant has this wallet address URL, or had it.
    #[error("Wallet Address Url already exists")]
    DuplicateWalletAddressUrl,
    /// Something needed did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(PutSettingsError);

impl Administration {
    /// Makes or changes settings of the caller's own; of a key given twice the last counts.
    pub async fn put_settings(&self, caller: Caller, settings: Vec<Setting>) -> Result<Vec<Setting>, PutSettingsError> {
        let mut kept: Vec<Setting> = Vec::new();
        for setting in settings {
            if !is_acceptable(&setting) {
                return Err(PutSettingsError::Invalid);
            }
            kept.retain(|other| other.key != setting.key);
            kept.push(setting);
        }
        let unit = self.store.begin().await?;
        unit.tenant(caller.tenant).put_settings(caller.tenant, &kept, self.now()).await.map_err(|error| {
            if error.is_unique_violation() { PutSettingsError::DuplicateWalletAddressUrl } else { error.into() }
        })?;
        unit.commit().await?;
        Ok(kept)
    }
}

fn is_acceptable(setting: &Setting) -> bool {
    let value = setting.value.as_str();
    let url = |schemes: &[&str]| Url::parse(value).is_ok_and(|url| url.has_host() && schemes.contains(&url.scheme()));
    match setting.key {
        SettingKey::ExchangeRatesUrl | SettingKey::WebhookUrl => url(&["http", "https"]),
        SettingKey::WalletAddressUrl => url(&["https"]),
        SettingKey::WebhookTimeout => value.parse::<u32>().is_ok_and(|millis| millis > 0),
        SettingKey::WebhookMaxRetry => value.parse::<u16>().is_ok(),
        SettingKey::IlpAddress => ilp_packet::AddressRef::new(value).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_break_their_consumer_are_refused() {
        let acceptable = |key, value: &str| is_acceptable(&Setting { key, value: value.to_owned() });
        assert!(acceptable(SettingKey::WebhookMaxRetry, "0"));
        assert!(acceptable(SettingKey::WebhookUrl, "http://localhost:4000/webhooks"));
        assert!(acceptable(SettingKey::IlpAddress, "test.bank.tenant"));
        for (key, value) in [
            (SettingKey::WebhookMaxRetry, "1.5"),
            (SettingKey::WebhookMaxRetry, ""),
            (SettingKey::WebhookTimeout, "0"),
            (SettingKey::WebhookTimeout, "5e3"),
            (SettingKey::WebhookUrl, "ftp://x.example"),
            (SettingKey::WalletAddressUrl, "http://x.example"),
            (SettingKey::IlpAddress, "nowhere"),
        ] {
            assert!(!acceptable(key, value), "{key:?} {value}");
        }
    }
}
