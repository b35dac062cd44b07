//! How a tenant comes, changes and goes.
//!
//! Each is one unit of work with the job that mirrors the tenant at the authorization server, so a crash leaves nothing
//! half: the job is repeated until both servers agree.

use std::time::Duration;

use jobs::NewJob;
use outside_text::check_line;
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

/// If the mirroring does not begin at once, because the process ends, somebody else begins it after this time.
const MIRRORED_BY_OTHERS_AFTER: Duration = Duration::from_secs(2);

/// The longest secret.
const SECRET_MAX: usize = 255;

/// A tenant to make.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// Its id, if the operator chooses one.
    pub id: Option<TenantId>,
    /// Signs its requests.
    pub api_secret: Secret,
    /// The address for messages.
    pub email: Option<String>,
    /// What people call it.
    pub public_name: Option<String>,
    /// Where its users give consent.
    pub idp_consent_url: Option<String>,
    /// The secret of that place.
    pub idp_secret: Option<Secret>,
    /// Settings that it begins with, beside or instead of the usual ones.
    pub settings: Vec<Setting>,
}

/// What changes of a tenant. `None` keeps a value, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    /// Signs its requests. Only the tenant itself may change it, and nobody may clear it.
    pub api_secret: Option<Option<Secret>>,
    /// The address for messages.
    pub email: Option<Option<String>>,
    /// What people call it.
    pub public_name: Option<Option<String>>,
    /// Where its users give consent.
    pub idp_consent_url: Option<Option<String>>,
    /// The secret of that place.
    pub idp_secret: Option<Option<Secret>>,
}

/// What is wrong with a secret or a URL of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitTenant {
    /// An empty secret would let nobody in.
    #[error("apiSecret must be one line of 1 to {SECRET_MAX} characters")]
    ApiSecret,
    /// The operator's secret is the operator's.
    #[error("apiSecret is the operator's; choose another")]
    OperatorSecret,
    /// An empty secret would let everybody in.
    #[error("idpSecret must be one line of 1 to {SECRET_MAX} characters")]
    IdpSecret,
    /// Browsers are sent there.
    #[error("idpConsentUrl must be an https URL")]
    IdpConsentUrl,
}

/// Why a tenant was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateTenantError {
    /// Only the operator makes tenants.
    #[error("permission denied")]
    NotOperator,
    /// The id means nobody.
    #[error("Invalid Tenant ID")]
    InvalidId,
    /// There is a tenant with this id, or was.
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
    /// A tenant may change itself only.
    #[error("tenant does not exist")]
    Foreign,
    /// The operator's own secret is configured; those of others are theirs.
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
    /// Nobody could administer the instance afterwards.
    #[error("the operator's tenant cannot be deleted")]
    IsOperator,
    /// There is no such tenant, or it was deleted before.
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
    /// Makes a tenant with its first settings.
    pub async fn create_tenant(&self, caller: Caller, new: NewTenant) -> Result<Tenant, CreateTenantError> {
        if !caller.is_operator {
            return Err(CreateTenantError::NotOperator);
        }
        let id = new.id.unwrap_or_else(|| TenantId::random(&*self.entropy));
        if id.as_uuid() == Uuid::nil() {
            return Err(CreateTenantError::InvalidId);
        }
        self.require_fit_api_secret(id, &new.api_secret).await??;
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
        // Of a key given twice the last counts.
        settings.extend(new.settings);
        let owner = Caller { tenant: id, is_operator: false };
        self.put_settings_in(&unit, owner, settings).await?;
        self.commit_and_mirror(unit, id).await?;
        Ok(tenant)
    }

    /// Changes a tenant: the operator any, a tenant itself.
    pub async fn update_tenant(
        &self,
        caller: Caller,
        id: TenantId,
        change: TenantChange,
    ) -> Result<Tenant, UpdateTenantError> {
        if !caller.is_operator && id != caller.tenant {
            return Err(UpdateTenantError::Foreign);
        }
        if caller.is_operator && change.api_secret.is_some() {
            return Err(UpdateTenantError::SecretByOperator);
        }
        let api_secret = match change.api_secret {
            Some(None) => return Err(UpdateTenantError::Failed),
            Some(Some(secret)) => {
                self.require_fit_api_secret(id, &secret).await??;
                Some(secret)
            }
            None => None,
        };
        let (url, secret) = (change.idp_consent_url.clone().flatten(), change.idp_secret.clone().flatten());
        require_fit_idp(url.as_deref(), secret.as_ref())?;

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
        replace(&mut tenant.email, change.email);
        replace(&mut tenant.public_name, change.public_name);
        replace(&mut tenant.idp_consent_url, change.idp_consent_url);
        replace(&mut tenant.idp_secret, change.idp_secret);
        tenant.updated_at = now;
        scope.update_tenant(&tenant).await?;
        let tenant = tenant.into_inner();
        self.commit_and_mirror(unit, id).await?;
        Ok(tenant)
    }

    /// Deletes a tenant: it can ask nothing any more, nobody can pay it, and its peers are not known here. What it has
    /// stays in the books; the operator sees to it.
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
        scope.deactivate_every_wallet_address(now).await?;
        // What is under way may still arrive for a while, as with every wallet address that is deactivated.
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

    /// Commits the change of a tenant and has it mirrored. Who asked may go on when it is; if the authorization server
    /// is away, the job goes on without anybody waiting.
    async fn commit_and_mirror(&self, unit: Unit, id: TenantId) -> Result<(), Unavailable> {
        let later = self.now() + MIRRORED_BY_OTHERS_AFTER;
        jobs::enqueue(unit.transaction(), NewJob::new(TENANT_MIRROR_QUEUE, id, later))?;
        unit.commit().await?;
        self.tenant_mirror_worker().run_now(&id.to_string()).await?;
        Ok(())
    }

    async fn require_fit_api_secret(
        &self,
        id: TenantId,
        secret: &Secret,
    ) -> Result<Result<(), UnfitTenant>, Unavailable> {
        let operator = self.settings.operator;
        let owner = self.store.tenant(operator).find_tenant(operator).await?;
        let is_operators = id != operator && owner.is_some_and(|owner| owner.api_secret == *secret);
        Ok(if !is_line(secret) {
            Err(UnfitTenant::ApiSecret)
        } else if is_operators {
            Err(UnfitTenant::OperatorSecret)
        } else {
            Ok(())
        })
    }
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

fn replace<T>(value: &mut T, change: Option<T>) {
    if let Some(new) = change {
        *value = new;
    }
}
