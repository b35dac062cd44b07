//! Wallet addresses, their keys and properties.
//! Changing them is in `mutations`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use payments::administration as admin;
use payments_model::wallet_address as model;
use payments_model::{WalletAddress, WalletAddressKey};
use payments_store::OutgoingPaymentFilter;
use serde::{Deserialize, Serialize};

use crate::api::Call;
use crate::errors::{Refusal, nullable};
use crate::scalars::UInt64;
use crate::texts::{Name, Prose};
use crate::types::asset::AssetNode;
use crate::types::incoming_payment::{IncomingPaymentConnection, IncomingPaymentFilter};
use crate::types::outgoing_payment::OutgoingPaymentConnection;
use crate::types::page::{SortOrder, connection, page_request};
use crate::types::quote::QuoteConnection;
use crate::types::tenant::{TenantNode, owner};

#[derive(Clone)]
pub(crate) struct WalletAddressNode(pub(crate) WalletAddress);

impl From<WalletAddress> for WalletAddressNode {
    fn from(address: WalletAddress) -> Self {
        Self(address)
    }
}

impl WalletAddressNode {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

connection!(
    WalletAddressesConnection as "WalletAddressesConnection",
    WalletAddressEdge as "WalletAddressEdge",
    WalletAddressNode of WalletAddress
);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
pub(crate) enum WalletAddressStatus {
    Inactive,
    Active,
}

impl From<WalletAddressStatus> for admin::WalletAddressStatus {
    fn from(status: WalletAddressStatus) -> Self {
        match status {
            WalletAddressStatus::Inactive => Self::Inactive,
            WalletAddressStatus::Active => Self::Active,
        }
    }
}

#[Object(name = "WalletAddress")]
impl WalletAddressNode {
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn asset(&self) -> AssetNode {
        AssetNode(self.0.asset.clone())
    }

    async fn liquidity(&self, context: &Context<'_>) -> Option<Result<UInt64>> {
        nullable(async { Ok(Call::of(context)?.balance(self.0.id).await?.map(UInt64)) }).await
    }

    async fn address(&self) -> &str {
        &self.0.address
    }

    async fn public_name(&self) -> Option<&str> {
        self.0.public_name.as_deref()
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the schema")]
    async fn incoming_payments(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        filter: Option<IncomingPaymentFilter>,
    ) -> Option<Result<IncomingPaymentConnection>> {
        nullable(async {
            let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
            let mut filter = filter.unwrap_or_default().read()?;
            filter.wallet_address = Some(self.0.id);
            let page = Call::of(context)?.reach().incoming_payments(&filter, request).await.map_err(Refusal::from)?;
            Ok(Some(page.into()))
        })
        .await
    }

    async fn quotes(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
    ) -> Option<Result<QuoteConnection>> {
        nullable(async {
            let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
            let page = Call::of(context)?.reach().quotes(self.0.id, request).await.map_err(Refusal::from)?;
            Ok(Some(page.into()))
        })
        .await
    }

    async fn outgoing_payments(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
    ) -> Option<Result<OutgoingPaymentConnection>> {
        nullable(async {
            let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
            let filter =
                OutgoingPaymentFilter { wallet_addresses: Some(vec![self.0.id]), ..OutgoingPaymentFilter::default() };
            let page = Call::of(context)?.reach().outgoing_payments(&filter, request).await.map_err(Refusal::from)?;
            Ok(Some(page.into()))
        })
        .await
    }

    pub(crate) async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn status(&self, context: &Context<'_>) -> Result<WalletAddressStatus> {
        let now = Call::of(context)?.parts.clock.now();
        Ok(if self.0.is_active(now) { WalletAddressStatus::Active } else { WalletAddressStatus::Inactive })
    }

    async fn wallet_address_keys(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
    ) -> Option<Result<WalletAddressKeyConnection>> {
        nullable(async {
            let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
            let keys =
                Call::of(context)?.reach().wallet_address_keys(self.0.id, request).await.map_err(Refusal::from)?;
            Ok(Some(keys.into()))
        })
        .await
    }

    async fn additional_properties(&self, context: &Context<'_>) -> Option<Result<Vec<Option<AdditionalProperty>>>> {
        nullable(async {
            let found = Call::of(context)?.reach().additional_properties(self.0.id).await.map_err(Refusal::from)?;
            Ok(Some(found.into_iter().map(|property| Some(property.into())).collect()))
        })
        .await
    }

    async fn tenant(&self, context: &Context<'_>) -> Option<Result<TenantNode>> {
        nullable(async { owner(context, self.0.tenant_id).await }).await
    }
}

#[derive(SimpleObject)]
pub(crate) struct AdditionalProperty {
    key: String,
    value: String,
    visible_in_open_payments: bool,
}

impl From<model::AdditionalProperty> for AdditionalProperty {
    fn from(property: model::AdditionalProperty) -> Self {
        Self { key: property.key, value: property.value, visible_in_open_payments: property.visible_in_open_payments }
    }
}

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct AdditionalPropertyInput {
    key: Name,
    value: Prose<2048>,
    visible_in_open_payments: bool,
}

impl From<AdditionalPropertyInput> for model::AdditionalProperty {
    fn from(input: AdditionalPropertyInput) -> Self {
        Self {
            key: input.key.into(),
            value: input.value.into(),
            visible_in_open_payments: input.visible_in_open_payments,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
pub(crate) enum Alg {
    #[graphql(name = "EdDSA")]
    EdDsa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
pub(crate) enum Kty {
    #[graphql(name = "OKP")]
    Okp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
pub(crate) enum Crv {
    #[graphql(name = "Ed25519")]
    Ed25519,
}

#[derive(SimpleObject)]
pub(crate) struct Jwk {
    kid: String,
    x: String,
    alg: Alg,
    kty: Kty,
    crv: Crv,
}

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct JwkInput {
    pub(crate) kid: String,
    pub(crate) x: String,
    pub(crate) alg: Alg,
    pub(crate) kty: Kty,
    pub(crate) crv: Crv,
}

#[derive(SimpleObject)]
#[graphql(name = "WalletAddressKey")]
pub(crate) struct WalletAddressKeyNode {
    #[graphql(owned)]
    pub(crate) id: ID,
    wallet_address_id: ID,
    jwk: Jwk,
    revoked: bool,
    #[graphql(owned)]
    pub(crate) created_at: String,
}

impl From<WalletAddressKey> for WalletAddressKeyNode {
    fn from(key: WalletAddressKey) -> Self {
        Self {
            id: key.id.to_string().into(),
            wallet_address_id: key.wallet_address_id.to_string().into(),
            jwk: Jwk { kid: key.kid, x: key.x, alg: Alg::EdDsa, kty: Kty::Okp, crv: Crv::Ed25519 },
            revoked: key.revoked,
            created_at: key.created_at.to_string(),
        }
    }
}

impl WalletAddressKeyNode {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

connection!(
    WalletAddressKeyConnection as "WalletAddressKeyConnection",
    WalletAddressKeyEdge as "WalletAddressKeyEdge",
    WalletAddressKeyNode of WalletAddressKey
);
