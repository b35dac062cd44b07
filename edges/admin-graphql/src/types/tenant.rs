//! Tenants and their settings.
//! Changing them is in `mutations`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use payments_model::tenant::{Setting, SettingKey};
use payments_model::{Tenant, TenantId};
use serde::{Deserialize, Serialize};

use crate::api::Call;
use crate::errors::Refusal;
use crate::types::page::connection;

#[derive(SimpleObject)]
pub(crate) struct WhoamiResponse {
    pub(crate) id: String,
    pub(crate) is_operator: bool,
}

/// What is shown instead of a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Which secrets of a tenant an answer shows: those that were given with the question, and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    NoSecret,
    ApiSecret,
    IdpSecret,
    BothSecrets,
}

#[derive(Clone)]
pub(crate) struct TenantNode(Tenant, Seen);

impl From<Tenant> for TenantNode {
    fn from(tenant: Tenant) -> Self {
        Self(tenant, Seen::NoSecret)
    }
}

impl TenantNode {
    /// The tenant with the secrets that were given with the question.
    pub(crate) fn seen(tenant: Tenant, seen: Seen) -> Self {
        Self(tenant, seen)
    }
}

impl TenantNode {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

connection!(TenantsConnection as "TenantsConnection", TenantEdge as "TenantEdge", TenantNode of Tenant);

#[Object(name = "Tenant")]
impl TenantNode {
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    async fn api_secret(&self) -> &str {
        match self.1 {
            Seen::ApiSecret | Seen::BothSecrets => self.0.api_secret.expose(),
            Seen::NoSecret | Seen::IdpSecret => HIDDEN,
        }
    }

    async fn idp_consent_url(&self) -> Option<&str> {
        self.0.idp_consent_url.as_deref()
    }

    async fn idp_secret(&self) -> Option<&str> {
        let secret = self.0.idp_secret.as_ref()?;
        Some(match self.1 {
            Seen::IdpSecret | Seen::BothSecrets => secret.expose(),
            Seen::NoSecret | Seen::ApiSecret => HIDDEN,
        })
    }

    async fn public_name(&self) -> Option<&str> {
        self.0.public_name.as_deref()
    }

    pub(crate) async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn deleted_at(&self) -> Option<String> {
        self.0.deleted_at.map(|at| at.to_string())
    }

    async fn settings(&self, context: &Context<'_>) -> Result<Vec<TenantSetting>> {
        let settings = Call::of(context)?.reach().settings(self.0.id).await.map_err(Refusal::from)?;
        Ok(settings.into_iter().map(TenantSetting::from).collect())
    }
}

/// The owner of an entity; `None` once it is deleted.
pub(crate) async fn owner(context: &Context<'_>, id: TenantId) -> Result<Option<TenantNode>> {
    let call = Call::of(context)?;
    if !call.caller.is_operator && call.caller.tenant != id {
        return Ok(None);
    }
    let found = call.store().owner(id).await.map_err(Refusal::from)?;
    Ok(found.filter(|tenant| tenant.deleted_at.is_none()).map(TenantNode::from))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
pub(crate) enum TenantSettingKey {
    ExchangeRatesUrl,
    WebhookUrl,
    WebhookTimeout,
    WebhookMaxRetry,
    WalletAddressUrl,
    IlpAddress,
}

impl From<SettingKey> for TenantSettingKey {
    fn from(key: SettingKey) -> Self {
        match key {
            SettingKey::ExchangeRatesUrl => Self::ExchangeRatesUrl,
            SettingKey::WebhookUrl => Self::WebhookUrl,
            SettingKey::WebhookTimeout => Self::WebhookTimeout,
            SettingKey::WebhookMaxRetry => Self::WebhookMaxRetry,
            SettingKey::WalletAddressUrl => Self::WalletAddressUrl,
            SettingKey::IlpAddress => Self::IlpAddress,
        }
    }
}

impl From<TenantSettingKey> for SettingKey {
    fn from(key: TenantSettingKey) -> Self {
        match key {
            TenantSettingKey::ExchangeRatesUrl => Self::ExchangeRatesUrl,
            TenantSettingKey::WebhookUrl => Self::WebhookUrl,
            TenantSettingKey::WebhookTimeout => Self::WebhookTimeout,
            TenantSettingKey::WebhookMaxRetry => Self::WebhookMaxRetry,
            TenantSettingKey::WalletAddressUrl => Self::WalletAddressUrl,
            TenantSettingKey::IlpAddress => Self::IlpAddress,
        }
    }
}

#[derive(SimpleObject)]
pub(crate) struct TenantSetting {
    key: TenantSettingKey,
    value: String,
}

impl From<Setting> for TenantSetting {
    fn from(setting: Setting) -> Self {
        Self { key: setting.key.into(), value: setting.value }
    }
}

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct TenantSettingInput {
    key: TenantSettingKey,
    value: String,
}

impl From<TenantSettingInput> for Setting {
    fn from(input: TenantSettingInput) -> Self {
        Self { key: input.key.into(), value: input.value }
    }
}
