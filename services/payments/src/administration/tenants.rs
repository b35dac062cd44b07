//! Settings of tenants: which values are accepted, and which base URL belongs to which tenant.
//! Creating and deleting tenants is in `tenant_life`.

use outside_text::check_line;
use payments_model::tenant::{Setting, SettingKey};
use payments_store::Unit;
use url::Url;
use web_url::{URL_LENGTH_MAX, WalletAddressUrl};

use super::assets::from_store;
use super::{Administration, Caller};
use crate::unavailable::Unavailable;

/// Why settings were not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutSettingsError {
    /// A value is not acceptable for its key.
    #[error("Invalid value for one or more tenant settings")]
    Invalid,
    /// Another tenant has or had this wallet address URL, or one above or below it.
    #[error("Wallet Address Url already exists")]
    DuplicateWalletAddressUrl,
    /// Another tenant has or had this ILP address, or one above or below it.
    #[error("Ilp address already exists")]
    DuplicateIlpAddress,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(PutSettingsError);

impl Administration {
    /// Creates or changes settings of the caller. If a key is given twice, the last value counts.
    pub async fn put_settings(&self, caller: Caller, settings: Vec<Setting>) -> Result<Vec<Setting>, PutSettingsError> {
        let unit = self.store.begin().await?;
        let kept = self.put_settings_in(&unit, caller, settings).await?;
        unit.commit().await?;
        Ok(kept)
    }

    /// The same for `owner` within a unit of work.
    pub(super) async fn put_settings_in(
        &self,
        unit: &Unit,
        owner: Caller,
        settings: Vec<Setting>,
    ) -> Result<Vec<Setting>, PutSettingsError> {
        let mut kept: Vec<Setting> = Vec::new();
        for setting in settings {
            let setting = acceptable(setting).ok_or(PutSettingsError::Invalid)?;
            kept.retain(|other| other.key != setting.key);
            kept.push(setting);
        }
        for setting in &kept {
            match setting.key {
                SettingKey::WalletAddressUrl => self.require_free_base(unit, owner, &setting.value).await?,
                SettingKey::IlpAddress => self.require_free_ilp_address(unit, owner, &setting.value).await?,
                _ => {}
            }
        }
        unit.tenant(owner.tenant).put_settings(owner.tenant, &kept, self.now()).await.map_err(|error| {
            if error.is_unique_violation() { PutSettingsError::DuplicateWalletAddressUrl } else { error.into() }
        })?;
        Ok(kept)
    }

    /// Refuses an ILP address that is not below the instance's address, because peers send only packets below it. Also
    /// refuses an address that overlaps another tenant's address. The operator keeps the instance's address, whatever
    /// it sets.
    async fn require_free_ilp_address(&self, unit: &Unit, owner: Caller, own: &str) -> Result<(), PutSettingsError> {
        let instance = self.settings.ilp_address.as_str();
        if owner.is_operator {
            return Ok(());
        }
        if !is_below(own, instance) {
            return Err(PutSettingsError::Invalid);
        }
        let others = unit.every_tenant().locked_values(SettingKey::IlpAddress).await?;
        let taken = others.iter().filter(|(tenant, _)| *tenant != owner.tenant && *tenant != self.settings.operator);
        let overlaps = |other: &str| other == own || is_below(own, other) || is_below(other, own);
        if taken.map(|(_, other)| other.as_str()).any(overlaps) {
            return Err(PutSettingsError::DuplicateIlpAddress);
        }
        Ok(())
    }

    /// Refuses a base URL that overlaps the present or a former base of another tenant, in any spelling. The operator
    /// may choose its own base freely.
    async fn require_free_base(&self, unit: &Unit, caller: Caller, base: &str) -> Result<(), PutSettingsError> {
        let base: WalletAddressUrl = base.parse().map_err(|_| PutSettingsError::Invalid)?;
        let operators = self.settings.operator_base();
        let is_operators = operators.is_ok_and(|operators| operators.overlaps(&base));
        if is_operators && !caller.is_operator {
            return Err(PutSettingsError::DuplicateWalletAddressUrl);
        }
        let others = unit.every_tenant().locked_values(SettingKey::WalletAddressUrl).await?;
        let taken = others.iter().filter(|(tenant, _)| *tenant != caller.tenant).any(|(_, other)| {
            // A base that cannot be parsed was stored before this rule existed. No address lies below it.
            other.parse::<WalletAddressUrl>().is_ok_and(|other| other.overlaps(&base))
        });
        if taken { Err(PutSettingsError::DuplicateWalletAddressUrl) } else { Ok(()) }
    }
}

/// Whether an ILP address begins with all segments of another.
fn is_below(address: &str, above: &str) -> bool {
    address.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// The setting in the form in which it is stored; `None` if its value is not acceptable.
fn acceptable(setting: Setting) -> Option<Setting> {
    match setting.key {
        SettingKey::WalletAddressUrl => {
            let value = String::from(setting.value.parse::<WalletAddressUrl>().ok()?);
            value.starts_with("https:").then_some(Setting { value, ..setting })
        }
        key => is_acceptable(key, &setting.value).then_some(setting),
    }
}

fn is_acceptable(key: SettingKey, value: &str) -> bool {
    let web = || Url::parse(value).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
    match key {
        SettingKey::ExchangeRatesUrl | SettingKey::WebhookUrl => check_line(value, URL_LENGTH_MAX).is_ok() && web(),
        SettingKey::WalletAddressUrl => value.parse::<WalletAddressUrl>().is_ok(),
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
        let acceptable = |key, value: &str| acceptable(Setting { key, value: value.to_owned() }).is_some();
        assert!(acceptable(SettingKey::WebhookMaxRetry, "0"));
        assert!(acceptable(SettingKey::WebhookUrl, "http://localhost:4000/webhooks"));
        assert!(acceptable(SettingKey::IlpAddress, "test.bank.tenant"));
        for (key, value) in [
            (SettingKey::WebhookMaxRetry, "1.5"),
            (SettingKey::WebhookMaxRetry, ""),
            (SettingKey::WebhookTimeout, "0"),
            (SettingKey::WebhookTimeout, "5e3"),
            (SettingKey::WebhookUrl, "ftp://x.example"),
            (SettingKey::WebhookUrl, "https://x.example/\n"),
            (SettingKey::WalletAddressUrl, "http://x.example"),
            (SettingKey::WalletAddressUrl, "https://x.example?a"),
            (SettingKey::IlpAddress, "nowhere"),
        ] {
            assert!(!acceptable(key, value), "{key:?} {value}");
        }
    }
}
