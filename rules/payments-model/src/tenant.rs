//! An account-servicing entity that uses this instance, and its settings.
//!
//! It does not authenticate: secrets are compared where requests arrive.

use std::fmt;
use std::str::FromStr;

use clock::Timestamp;

use crate::TenantId;

/// A text that must not appear in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its id, the same at the authorization server.
    pub id: TenantId,
    /// The secret that signs its requests to the Admin API.
    pub api_secret: Secret,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Its display name.
    pub public_name: Option<String>,
    /// The URL at which its users give consent.
    pub idp_consent_url: Option<String>,
    /// The secret of the server at that URL.
    pub idp_secret: Option<Secret>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// The settings of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SettingKey {
    /// The URL of its exchange rates.
    ExchangeRatesUrl,
    /// The URL for its events.
    WebhookUrl,
    /// The time-out of an event's receiver, in milliseconds.
    WebhookTimeout,
    /// The largest number of attempts to send an event.
    WebhookMaxRetry,
    /// The base URL of its wallet addresses.
    WalletAddressUrl,
    /// Its ILP address.
    IlpAddress,
}

/// The text does not name a tenant setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown tenant setting")]
pub struct UnknownSetting;

impl SettingKey {
    /// Every key.
    pub const ALL: [Self; 6] = [
        Self::ExchangeRatesUrl,
        Self::WebhookUrl,
        Self::WebhookTimeout,
        Self::WebhookMaxRetry,
        Self::WalletAddressUrl,
        Self::IlpAddress,
    ];

    /// The name used in the database and in the Admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExchangeRatesUrl => "EXCHANGE_RATES_URL",
            Self::WebhookUrl => "WEBHOOK_URL",
            Self::WebhookTimeout => "WEBHOOK_TIMEOUT",
            Self::WebhookMaxRetry => "WEBHOOK_MAX_RETRY",
            Self::WalletAddressUrl => "WALLET_ADDRESS_URL",
            Self::IlpAddress => "ILP_ADDRESS",
        }
    }
}

impl FromStr for SettingKey {
    type Err = UnknownSetting;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|key| key.as_str() == text).ok_or(UnknownSetting)
    }
}

/// A tenant's own value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: SettingKey,
    /// Its value.
    pub value: String,
}
