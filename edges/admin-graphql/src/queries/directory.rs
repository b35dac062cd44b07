//! Tenants, assets, peers and wallet addresses.
//!
//! An id that is not a UUID finds nothing.

use async_graphql::{Context, ID, Object, Result};
use money::Asset;

use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::scalars::UInt8;
use crate::types::asset::{AssetNode, AssetsConnection};
use crate::types::page::{SortOrder, page_request};
use crate::types::peer::{PeerNode, PeersConnection};
use crate::types::tenant::{TenantNode, TenantsConnection};
use crate::types::wallet_address::{WalletAddressNode, WalletAddressesConnection};

#[derive(Default)]
pub(crate) struct DirectoryQuery;

#[Object]
impl DirectoryQuery {
    async fn asset(&self, context: &Context<'_>, id: String) -> Option<Result<AssetNode>> {
        nullable(async {
            let unknown = || Refusal::new("Asset not found", Code::NotFound);
            let id = id.parse().map_err(|_| unknown())?;
            let found = Call::of(context)?.reach().asset(id).await.map_err(Refusal::from)?;
            Ok(Some(AssetNode(found.ok_or_else(unknown)?)))
        })
        .await
    }

    async fn asset_by_code_and_scale(
        &self,
        context: &Context<'_>,
        code: String,
        scale: UInt8,
    ) -> Option<Result<AssetNode>> {
        nullable(async {
            let call = Call::of(context)?;
            let tenant = call.caller.tenant;
            let Ok(named) = Asset::new(&code, scale.0) else { return Ok(None) };
            let found = call.store().tenant(tenant).asset_by_code_and_scale(tenant, &named).await;
            Ok(found.map_err(Refusal::from)?.map(AssetNode))
        })
        .await
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the schema")]
    async fn assets(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        tenant_id: Option<String>,
    ) -> Result<AssetsConnection> {
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        let scope = Call::of(context)?.list(tenant_id.as_deref());
        Ok(scope.assets(request).await.map_err(Refusal::from)?.into())
    }

    async fn peer(&self, context: &Context<'_>, id: String) -> Option<Result<PeerNode>> {
        nullable(async {
            let unknown = || Refusal::new("unknown peer", Code::NotFound);
            let id = id.parse().map_err(|_| unknown())?;
            let found = Call::of(context)?.reach().peer(id).await.map_err(Refusal::from)?;
            Ok(Some(PeerNode(found.ok_or_else(unknown)?)))
        })
        .await
    }

    /// Where a packet to this address in this asset would go: the peer with the longest prefix of it.
    async fn peer_by_address_and_asset(
        &self,
        context: &Context<'_>,
        static_ilp_address: String,
        asset_id: String,
    ) -> Option<Result<PeerNode>> {
        nullable(async {
            let call = Call::of(context)?;
            let Ok(asset) = asset_id.parse() else { return Ok(None) };
            let found = call.administration().peer_towards(call.caller, &static_ilp_address, asset).await;
            Ok(found.map_err(Refusal::from)?.map(PeerNode))
        })
        .await
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the schema")]
    async fn peers(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        tenant_id: Option<ID>,
    ) -> Result<PeersConnection> {
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        let scope = Call::of(context)?.list(tenant_id.as_deref().map(String::as_str));
        Ok(scope.peers(request).await.map_err(Refusal::from)?.into())
    }

    async fn wallet_address(&self, context: &Context<'_>, id: String) -> Option<Result<WalletAddressNode>> {
        nullable(async {
            let unknown = || Refusal::new("unknown wallet address", Code::NotFound);
            let id = id.parse().map_err(|_| unknown())?;
            let found = Call::of(context)?.reach().wallet_address(id).await.map_err(Refusal::from)?;
            Ok(Some(WalletAddressNode(found.ok_or_else(unknown)?)))
        })
        .await
    }

    async fn wallet_address_by_url(&self, context: &Context<'_>, url: String) -> Option<Result<WalletAddressNode>> {
        nullable(async {
            let Ok(url) = url.parse() else { return Ok(None) };
            let found = Call::of(context)?.reach().wallet_address_by_url(&url).await;
            Ok(found.map_err(Refusal::from)?.map(WalletAddressNode))
        })
        .await
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the schema")]
    async fn wallet_addresses(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        tenant_id: Option<String>,
    ) -> Result<WalletAddressesConnection> {
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        let scope = Call::of(context)?.list(tenant_id.as_deref());
        Ok(scope.wallet_addresses(request).await.map_err(Refusal::from)?.into())
    }

    async fn tenant(&self, context: &Context<'_>, id: String) -> Result<TenantNode> {
        let unknown = || Refusal::new("tenant does not exist", Code::NotFound);
        let id = id.parse().map_err(|_| unknown())?;
        let found = Call::of(context)?.reach().find_tenant(id).await.map_err(Refusal::from)?;
        Ok(found.ok_or_else(unknown)?.into())
    }

    async fn tenants(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
    ) -> Result<TenantsConnection> {
        let call = Call::of(context)?;
        if !call.caller.is_operator {
            return Err(Refusal::new("cannot get tenants page", Code::Forbidden).into());
        }
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        Ok(call.store().every_tenant().tenants(request).await.map_err(Refusal::from)?.into())
    }
}
