//! Assets and fees.
//! Changing them is in `mutations`.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use payments_model::{Fee, FeeKind, TenantAsset};
use serde::{Deserialize, Serialize};

use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::scalars::{UInt8, UInt64};
use crate::types::page::{SortOrder, connection, page_request};
use crate::types::tenant::{TenantNode, owner};

#[derive(Clone)]
pub(crate) struct AssetNode(pub(crate) TenantAsset);

impl From<TenantAsset> for AssetNode {
    fn from(asset: TenantAsset) -> Self {
        Self(asset)
    }
}

impl AssetNode {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }

    async fn newest_fee(&self, context: &Context<'_>, kind: FeeKind) -> Result<Option<FeeNode>> {
        let fee = Call::of(context)?.reach().newest_fee(self.0.id, kind).await.map_err(Refusal::from)?;
        Ok(fee.map(FeeNode::from))
    }
}

connection!(AssetsConnection as "AssetsConnection", AssetEdge as "AssetEdge", AssetNode of TenantAsset);

#[Object(name = "Asset")]
impl AssetNode {
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn code(&self) -> &str {
        self.0.asset.code.as_str()
    }

    async fn scale(&self) -> UInt8 {
        UInt8(self.0.asset.scale)
    }

    async fn liquidity(&self, context: &Context<'_>) -> Option<Result<UInt64>> {
        nullable(async {
            let balance = Call::of(context)?.balance(self.0.id).await?;
            let balance = balance.ok_or_else(|| Refusal::new("No liquidity account found", Code::Internal))?;
            Ok(Some(UInt64(balance)))
        })
        .await
    }

    async fn withdrawal_threshold(&self) -> Option<UInt64> {
        self.0.withdrawal_threshold.map(UInt64)
    }

    async fn liquidity_threshold(&self) -> Option<UInt64> {
        self.0.liquidity_threshold.map(UInt64)
    }

    async fn receiving_fee(&self, context: &Context<'_>) -> Option<Result<FeeNode>> {
        nullable(async { self.newest_fee(context, FeeKind::Receiving).await }).await
    }

    async fn sending_fee(&self, context: &Context<'_>) -> Option<Result<FeeNode>> {
        nullable(async { self.newest_fee(context, FeeKind::Sending).await }).await
    }

    async fn fees(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
    ) -> Option<Result<FeesConnection>> {
        nullable(async {
            let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
            let page = Call::of(context)?.reach().fees(self.0.id, request).await.map_err(Refusal::from)?;
            Ok(Some(page.into()))
        })
        .await
    }

    pub(crate) async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn tenant(&self, context: &Context<'_>) -> Option<Result<TenantNode>> {
        nullable(async { owner(context, self.0.tenant_id).await }).await
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
pub(crate) enum FeeType {
    Sending,
    Receiving,
}

impl From<FeeType> for FeeKind {
    fn from(kind: FeeType) -> Self {
        match kind {
            FeeType::Sending => Self::Sending,
            FeeType::Receiving => Self::Receiving,
        }
    }
}

#[derive(Clone, SimpleObject)]
#[graphql(name = "Fee")]
pub(crate) struct FeeNode {
    #[graphql(owned)]
    pub(crate) id: ID,
    asset_id: ID,
    #[graphql(name = "type")]
    kind: FeeType,
    fixed: UInt64,
    basis_points: i32,
    #[graphql(owned)]
    pub(crate) created_at: String,
}

impl From<Fee> for FeeNode {
    fn from(fee: Fee) -> Self {
        Self {
            id: fee.id.to_string().into(),
            asset_id: fee.asset_id.to_string().into(),
            kind: match fee.kind {
                FeeKind::Sending => FeeType::Sending,
                FeeKind::Receiving => FeeType::Receiving,
            },
            fixed: UInt64(fee.terms.fixed),
            basis_points: i32::from(fee.terms.basis_points),
            created_at: fee.created_at.to_string(),
        }
    }
}

impl FeeNode {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

connection!(FeesConnection as "FeesConnection", FeeEdge as "FeeEdge", FeeNode of Fee);
