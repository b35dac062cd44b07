//! Creates, changes and deletes tenants.
//!
//! It does not call the authorization server itself. Each change is one unit of work with the job that mirrors the
//! tenant there. So a crash leaves no half change: the job is repeated until both servers agree.

use std::time::Duration;

use jobs::NewJob;
use outside_text::{FieldChange, check_line};
use payments_model::tenant::{Setting, SettingKey};
use payments_model::{Secret, Tenant, TenantId};
use payments_store::{OldSecret, Unit};
use url::Url;
use uuid::Uuid;
use web_url::URL_LENGTH_MAX;

use super::assets::from_store;
use super::{Administration, Caller, PutSettingsError};
use crate::queues::{EXPIRY_QUEUE, TENANT_MIRROR_QUEUE};
use crate::unavailable::Unavailable;

/// If this process ends before the mirroring begins, another process begins it after this time.
const MIRRORED_BY_OTHERS_AFTER: Duration = Duration::from_secs(2);

/// The longest secret.
const SECRET_MAX: usize = 255;

/// A tenant to create.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// Its id, if the operator chooses one.
    pub id: Option<TenantId>,
    /// The secret that signs its requests.
    pub api_secret: Secret,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Its display name.
    pub public_name: Option<String>,
    /// The URL at which its users give consent.
    pub idp_consent_url: Option<String>,
    /// The secret of the server at that URL.
    pub idp_secret: Option<Secret>,
    /// Its first settings. They are added to the usual ones or replace them.
    pub settings: Vec<Setting>,
}

/// The changes of a tenant.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    /// The secret that signs its requests. Only the tenant itself may change it, and it cannot be cleared.
    pub api_secret: FieldChange<Secret>,
    /// Its e-mail address.
    pub email: FieldChange<String>,
    /// Its display name.
    pub public_name: FieldChange<String>,
    /// The URL at which its users give consent.
    pub idp_consent_url: FieldChange<String>,
    /// The secret of the server at that URL.
    pub idp_secret: FieldChange<Secret>,
}

/// What is wrong with a secret or a URL of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitTenant {
    /// The API secret is empty, too long, or not one line. With an empty one, every request would be refused.
    #[error("apiSecret must be one line of 1 to {SECRET_MAX} characters")]
    ApiSecret,
    /// The tenant has the operator's secret.
    #[error("apiSecret is the operator's; choose another")]
    OperatorSecret,
    /// The identity provider's secret is empty, too long, or not one line. With an empty one, every request would be
    /// accepted.
    #[error("idpSecret must be one line of 1 to {SECRET_MAX} characters")]
    IdpSecret,
    /// The URL cannot be used. Browsers are redirected to it.
    #[error("idpConsentUrl must be an https URL")]
    IdpConsentUrl,
}

/// Why a tenant was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateTenantError {
    /// Only the operator creates tenants.
    #[error("permission denied")]
    NotOperator,
    /// The nil id means no tenant.
    #[error("Invalid Tenant ID")]
    InvalidId,
    /// A tenant has this id, or a deleted tenant had it.
    #[error("a tenant with this id exists, or existed; choose another id")]
    Duplicate,
    /// A value is not acceptable.
    #[error(transparent)]
    Unfit(#[from] UnfitTenant),
    /// An initial setting is not acceptable.
    #[error(transparent)]
    Settings(PutSettingsError),
    /// Something needed did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a tenant was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateTenantError {
    /// A tenant may change only itself.
    #[error("tenant does not exist")]
    Foreign,
    /// The operator may change no secret: its own is configured, and the others belong to their tenants.
    #[error("Operator cannot update apiSecret over admin api")]
    SecretByOperator,
    /// There is no such tenant, it was deleted, or its secret would be cleared.
    #[error("failed to update tenant")]
    Failed,
    /// A value is not acceptable.
    #[error(transparent)]
    Unfit(#[from] UnfitTenant),
    /// Something needed did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a tenant was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteTenantError {
    /// Only the operator deletes tenants.
    #[error("permission denied")]
    NotOperator,
    /// The operator cannot be deleted: the instance would have no administrator.
    #[error("the operator's tenant cannot be deleted")]
    IsOperator,
    /// There is no such tenant, or it is already deleted.
    #[error("failed to delete tenant")]
    Failed,
    /// Something needed did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(CreateTenantError, UpdateTenantError, DeleteTenantError);

impl From<PutSettingsError> for CreateTenantError {
    fn from(error: PutSettingsError) -> Self {
        match error {
            PutSettingsError::Unavailable(cause) => Self::Unavailable(cause),
            error => Self::Settings(error),
        }
    }
}

impl Administration {
    /// Creates a tenant with its first settings.
    pub async fn create_tenant(&self, caller: Caller, new: NewTenant) -> Result<Tenant, CreateTenantError> {
        if !caller.is_operator {
            return Err(CreateTenantError::NotOperator);
        }

        let id = new.id.unwrap_or_else(|| TenantId::random(&*self.entropy));
        if id.as_uuid() == Uuid::nil() {
            return Err(CreateTenantError::InvalidId);
        }

        require_fit_api_secret(&new.api_secret, self.secret_kept_from(id).await?.as_ref())?;
        require_fit_idp(new.idp_consent_url.as_deref(), new.idp_secret.as_ref())?;

        let now = self.now();
        let tenant = Tenant {
            id,
            api_secret: new.api_secret,
            email: new.email,
            public_name: new.public_name,
            idp_consent_url: new.idp_consent_url,
            idp_secret: new.idp_secret,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };

        let unit = self.store.begin().await?;
        unit.every_tenant()
            .insert_tenant(&tenant)
            .await
            .map_err(|error| if error.is_unique_violation() { CreateTenantError::Duplicate } else { error.into() })?;

        let mut settings = self.usual_settings(id);
        // If a key is given twice, the last value counts.
        settings.extend(new.settings);
        let owner = Caller { tenant: id, is_operator: false };
        self.put_settings_in(&unit, owner, settings).await?;

        self.commit_and_mirror(unit, id).await?;
        Ok(tenant)
    }

    /// Changes a tenant. The operator may change every tenant, a tenant only itself.
    pub async fn update_tenant(
        &self,
        caller: Caller,
        id: TenantId,
        change: TenantChange,
    ) -> Result<Tenant, UpdateTenantError> {
        if !caller.is_operator && id != caller.tenant {
            return Err(UpdateTenantError::Foreign);
        }
        if caller.is_operator && !change.api_secret.is_keep() {
            return Err(UpdateTenantError::SecretByOperator);
        }

        let api_secret = match change.api_secret {
            FieldChange::Clear => return Err(UpdateTenantError::Failed),
            FieldChange::Set(secret) => {
                require_fit_api_secret(&secret, self.secret_kept_from(id).await?.as_ref())?;
                Some(secret)
            }
            FieldChange::Keep => None,
        };

        let url = change.idp_consent_url.new_value().map(String::as_str);
        require_fit_idp(url, change.idp_secret.new_value())?;

        let now = self.now();
        let unit = self.store.begin().await?;
        let scope = unit.tenant(id);
        let found = scope.locked_tenant(id).await?;
        let mut tenant = found.filter(|tenant| tenant.deleted_at.is_none()).ok_or(UpdateTenantError::Failed)?;

        if let Some(secret) = api_secret.filter(|secret| *secret != tenant.api_secret) {
            let until = now + self.settings.secret_overlap;
            let old = OldSecret { secret: std::mem::replace(&mut tenant.api_secret, secret), until };
            scope.keep_old_secret(id, Some(&old)).await?;
        }

        change.email.apply(&mut tenant.email);
        change.public_name.apply(&mut tenant.public_name);
        change.idp_consent_url.apply(&mut tenant.idp_consent_url);
        change.idp_secret.apply(&mut tenant.idp_secret);
        tenant.updated_at = now;
        scope.update_tenant(&tenant).await?;

        let tenant = tenant.into_inner();
        self.commit_and_mirror(unit, id).await?;
        Ok(tenant)
    }

    /// Deletes a tenant. Its requests are refused, it cannot be paid, and its peers are no longer known here. Its money
    /// stays in the books; the operator takes care of it.
    pub async fn delete_tenant(&self, caller: Caller, id: TenantId) -> Result<(), DeleteTenantError> {
        if !caller.is_operator {
            return Err(DeleteTenantError::NotOperator);
        }
        if id == self.settings.operator {
            return Err(DeleteTenantError::IsOperator);
        }

        let now = self.now();
        let unit = self.store.begin().await?;
        let scope = unit.tenant(id);
        let found = scope.locked_tenant(id).await?;
        let mut tenant = found.filter(|tenant| tenant.deleted_at.is_none()).ok_or(DeleteTenantError::Failed)?;

        tenant.deleted_at = Some(now);
        tenant.updated_at = now;
        scope.update_tenant(&tenant).await?;
        scope.keep_old_secret(id, None).await?;
        scope.delete_settings(id, now).await?;
        scope.delete_every_peer_token().await?;
        scope.delete_every_peer_tls().await?;
        scope.deactivate_every_wallet_address(now).await?;

        // Payments under way may still arrive for a while, as at every deactivated wallet address.
        let latest = now + self.settings.deactivation_grace;
        for payment in scope.shorten_every_incoming_payment(latest, now).await? {
            jobs::enqueue(unit.transaction(), NewJob::new(EXPIRY_QUEUE, payment, latest))?;
        }

        self.commit_and_mirror(unit, id).await?;
        Ok(())
    }

    fn usual_settings(&self, id: TenantId) -> Vec<Setting> {
        let ilp_address = format!("{}.{id}", self.settings.ilp_address);
        [
            (SettingKey::WebhookTimeout, "2000"),
            (SettingKey::WebhookMaxRetry, "10"),
            (SettingKey::IlpAddress, ilp_address.as_str()),
        ]
        .into_iter()
        .map(|(key, value)| Setting { key, value: value.to_owned() })
        .collect()
    }

    /// Commits the change of a tenant, and waits for one attempt to mirror it. If the authorization server does not
    /// answer, the job is repeated later and the caller does not wait.
    async fn commit_and_mirror(&self, unit: Unit, id: TenantId) -> Result<(), Unavailable> {
        let later = self.now() + MIRRORED_BY_OTHERS_AFTER;
        jobs::enqueue(unit.transaction(), NewJob::new(TENANT_MIRROR_QUEUE, id, later))?;
        unit.commit().await?;
        self.tenant_mirror_worker().run_now(&id.to_string()).await?;
        Ok(())
    }

    /// The operator's secret. Any tenant but the operator must have another one.
    async fn secret_kept_from(&self, id: TenantId) -> Result<Option<Secret>, Unavailable> {
        let operator = self.settings.operator;
        if id == operator {
            return Ok(None);
        }
        let owner = self.store.tenant(operator).find_tenant(operator).await?;
        Ok(owner.map(|owner| owner.api_secret))
    }
}

fn require_fit_api_secret(secret: &Secret, operators: Option<&Secret>) -> Result<(), UnfitTenant> {
    if !is_line(secret) {
        return Err(UnfitTenant::ApiSecret);
    }
    if operators == Some(secret) { Err(UnfitTenant::OperatorSecret) } else { Ok(()) }
}

fn require_fit_idp(consent_url: Option<&str>, secret: Option<&Secret>) -> Result<(), UnfitTenant> {
    let is_web_page = |text: &str| {
        check_line(text, URL_LENGTH_MAX).is_ok()
            && Url::parse(text).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "https" | "http"))
    };
    if consent_url.is_some_and(|url| !is_web_page(url)) {
        return Err(UnfitTenant::IdpConsentUrl);
    }
    if secret.is_some_and(|secret| !is_line(secret)) { Err(UnfitTenant::IdpSecret) } else { Ok(()) }
}

fn is_line(secret: &Secret) -> bool {
    !secret.expose().is_empty() && check_line(secret.expose(), SECRET_MAX).is_ok()
}
