//! The tenant for which a wallet acts that is one of a tenant: made by the operator's secret if there is none, and brought up
//! to date by its own.
//!
//! What the wallet does for its customers afterwards, it does as this tenant only.

use std::time::Duration;

use admin_client::{AdminClient, AdminError, ErrorCode, Mutation, TenantView};
use serde_json::{Value, json};

use crate::seed::SeedTenant;

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(30);

/// A tenant with the clients of both secrets.
#[derive(Clone)]
pub struct Tenancy {
    /// Makes the tenant, and does nothing else.
    pub operator: AdminClient,
    /// Acts as the tenant.
    pub own: AdminClient,
    /// What it has to be.
    pub tenant: SeedTenant,
}

/// Why there is no such tenant.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// The instance did not answer, or refused it.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The id cannot be used again.
    #[error("tenant {0} was deleted at the instance; give the seed file another id")]
    Deleted(uuid::Uuid),
    /// It is somebody else's, or its secret was replaced.
    #[error("tenant {0} has another secret at the instance than in the seed file")]
    OtherSecret(uuid::Uuid),
}

impl Tenancy {
    /// Makes sure that there is the tenant with its settings. A repetition changes nothing.
    pub async fn ensure(&self) -> Result<(), TenancyError> {
        let id = self.tenant.id;
        let known = match self.own.tenant_view(id).await {
            // With its secret it is found again. The operator's is used only to make it.
            Ok(Some(known)) => known,
            Ok(None) | Err(AdminError::Unauthorized) => return self.make().await,
            Err(error) => return Err(error.into()),
        };
        if known.deleted_at.is_some() {
            return Err(TenancyError::Deleted(id));
        }
        self.bring_up_to_date(&known).await
    }

    async fn make(&self) -> Result<(), TenancyError> {
        let SeedTenant { id, api_secret, public_name, idp_consent_url, idp_secret, .. } = &self.tenant;
        match self.operator.tenant_view(*id).await? {
            Some(known) if known.deleted_at.is_some() => return Err(TenancyError::Deleted(*id)),
            Some(_) => return Err(TenancyError::OtherSecret(*id)),
            None => {}
        }
        let input = json!({
            "id": id, "apiSecret": api_secret, "publicName": public_name, "idpConsentUrl": idp_consent_url,
            "idpSecret": idp_secret, "settings": self.settings(),
        });
        match self.operator.change(Mutation::CreateTenant, input).await {
            Ok(_) => Ok(()),
            // Another process of this wallet was faster.
            Err(error) if error.is(&ErrorCode::Duplicate) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn settings(&self) -> Vec<Value> {
        let prefix = self.tenant.wallet_address_prefix.as_str().trim_end_matches('/');
        let settings = [("WALLET_ADDRESS_URL", prefix), ("WEBHOOK_URL", self.tenant.webhook_url.as_str())];
        settings.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
    }

    async fn bring_up_to_date(&self, known: &TenantView) -> Result<(), TenancyError> {
        let SeedTenant { id, public_name, idp_consent_url, .. } = &self.tenant;
        if known.public_name != *public_name || known.idp_consent_url != *idp_consent_url {
            let input = json!({"id": id, "publicName": public_name, "idpConsentUrl": idp_consent_url});
            self.own.change(Mutation::UpdateTenant, input).await?;
        }
        let is_set = |wanted: &Value| {
            known.settings.iter().any(|setting| wanted["key"] == *setting.key && wanted["value"] == *setting.value)
        };
        let differs: Vec<Value> = self.settings().into_iter().filter(|wanted| !is_set(wanted)).collect();
        if !differs.is_empty() {
            self.own.change(Mutation::CreateTenantSettings, json!({"settings": differs})).await?;
        }
        Ok(())
    }

    /// Repeats this until it succeeds. The instance may start later than the wallet.
    pub async fn ensure_until_done(&self) {
        let mut pause = PAUSE_MIN;
        while let Err(error) = self.ensure().await {
            tracing::warn!(%error, "there is no tenant for this wallet yet; this is tried again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}
