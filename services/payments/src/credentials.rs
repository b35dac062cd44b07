//! The ways to pay an incoming payment over Interledger (open-payments section 8.1).
//!
//! Credentials are made afresh at every call and stay valid; nothing about them is stored.

use money::Asset;
use payments_model::receiver::IlpMethod;
use payments_model::{IncomingPayment, TenantId};
use stream::{AssetDetails, ConnectionDetails, Credentials};

use crate::{Payments, Unavailable};

impl Payments {
    /// The ways to pay `payment`; none if it has ended or its tenant has no ILP address.
    pub async fn payment_methods(&self, payment: &IncomingPayment) -> Result<Vec<IlpMethod>, Unavailable> {
        if payment.receivable(0, self.now()).is_err() {
            return Ok(Vec::new());
        }
        let issued = self.issue_credentials(payment.tenant_id, payment.id.to_string(), &payment.asset.asset).await?;
        let method = issued.map(|credentials| IlpMethod {
            ilp_address: credentials.address.to_string(),
            shared_secret: credentials.shared_secret.as_bytes().to_vec(),
        });
        Ok(method.into_iter().collect())
    }

    async fn issue_credentials(
        &self,
        tenant: TenantId,
        tag: String,
        asset: &Asset,
    ) -> Result<Option<Credentials>, Unavailable> {
        let Some(receiver) = self.stream_receiver(tenant).await? else { return Ok(None) };
        let asset = AssetDetails { code: asset.code.to_string(), scale: asset.scale };
        let details = ConnectionDetails { payment_tag: Some(tag), receipts: None, asset: Some(asset) };
        match receiver.issue(&details, self.entropy()) {
            Ok(credentials) => Ok(Some(credentials)),
            Err(error) => {
                tracing::error!(%error, tenant.id = %tenant, "no credentials: the tenant's ILP address is too long");
                Ok(None)
            }
        }
    }
}
