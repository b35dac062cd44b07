//! Credentials for paying an incoming payment over Interledger.
//!
//! Every call makes new credentials. Earlier ones stay valid. They are not stored.

use money::Asset;
use payments_model::receiver::IlpMethod;
use payments_model::{IncomingPayment, TenantId, WalletAddress};
use stream::{AssetDetails, ConnectionDetails, Credentials, ReceiptSetup};

use crate::service::Payments;
use crate::unavailable::Unavailable;

impl Payments {
    /// The payment methods of `payment`; none if it accepts no money or its tenant has no ILP address.
    pub async fn payment_methods(&self, payment: &IncomingPayment) -> Result<Vec<IlpMethod>, Unavailable> {
        if payment.takes_money(self.settings().approval(), self.now()).is_err() {
            return Ok(Vec::new());
        }
        let tag = payment.id.to_string();
        let issued = self.issue_credentials(payment.tenant_id, tag, &payment.asset.asset, None).await?;
        let method = issued.map(|credentials| IlpMethod {
            ilp_address: credentials.address.to_string(),
            shared_secret: credentials.shared_secret.as_bytes().to_vec(),
        });
        Ok(method.into_iter().collect())
    }

    /// Credentials for paying straight to a wallet address (SPSP); none if its tenant has no ILP address.
    ///
    /// Their addresses are below the tenant's own ILP address, so the wallet addresses of every tenant can be reached.
    pub async fn spsp_credentials(
        &self,
        address: &WalletAddress,
        receipts: Option<ReceiptSetup>,
    ) -> Result<Option<Credentials>, Unavailable> {
        self.issue_credentials(address.tenant_id, address.id.to_string(), &address.asset.asset, receipts).await
    }

    async fn issue_credentials(
        &self,
        tenant: TenantId,
        tag: String,
        asset: &Asset,
        receipts: Option<ReceiptSetup>,
    ) -> Result<Option<Credentials>, Unavailable> {
        let Some(receiver) = self.stream_receiver(tenant).await? else { return Ok(None) };
        let asset = AssetDetails { code: asset.code.to_string(), scale: asset.scale };
        let details = ConnectionDetails { payment_tag: Some(tag), receipts, asset: Some(asset) };
        match receiver.issue(&details, self.entropy()) {
            Ok(credentials) => Ok(Some(credentials)),
            Err(error) => {
                tracing::error!(%error, tenant.id = %tenant, "no credentials were issued, because the tenant's ILP address is too long");
                Ok(None)
            }
        }
    }
}
