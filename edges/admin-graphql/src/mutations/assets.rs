//! Assets and fees.
//!
//! Their rules are in the crate `payments`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use money::Asset;
use payments::administration::{NewAsset, Thresholds};
use payments_model::AssetId;
use serde::Serialize;

use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::idempotency::Once;
use crate::scalars::{UInt8, UInt64};
use crate::texts::Name;
use crate::types::asset::{AssetNode, FeeNode, FeeType};

#[derive(InputObject, Serialize)]
pub(crate) struct CreateAssetInput {
    code: String,
    scale: UInt8,
    withdrawal_threshold: Option<UInt64>,
    liquidity_threshold: Option<UInt64>,
    idempotency_key: Option<Name>,
    tenant_id: Option<ID>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct UpdateAssetInput {
    id: String,
    withdrawal_threshold: Option<UInt64>,
    liquidity_threshold: Option<UInt64>,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct DeleteAssetInput {
    id: ID,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct SetFeeInput {
    asset_id: ID,
    #[graphql(name = "type")]
    kind: FeeType,
    fee: FeeDetails,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct FeeDetails {
    fixed: UInt64,
    basis_points: i32,
}

#[derive(SimpleObject)]
pub(crate) struct AssetMutationResponse {
    asset: Option<AssetNode>,
}

#[derive(SimpleObject)]
pub(crate) struct DeleteAssetMutationResponse {
    asset: Option<AssetNode>,
}

#[derive(SimpleObject)]
pub(crate) struct SetFeeResponse {
    fee: Option<FeeNode>,
}

#[derive(Default)]
pub(crate) struct AssetMutation;

#[Object]
impl AssetMutation {
    async fn create_asset(&self, context: &Context<'_>, input: CreateAssetInput) -> Result<AssetMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let bad_asset = |_| Refusal::new("Asset code has 1 to 255 printable characters", Code::BadUserInput);
            let new = NewAsset {
                asset: Asset::new(&input.code, input.scale.0).map_err(bad_asset)?,
                thresholds: thresholds(input.withdrawal_threshold, input.liquidity_threshold)?,
                tenant: input.tenant_id.as_ref().map(|id| tenant_id(id)).transpose()?,
            };
            Ok(call.administration().create_asset(call.caller, new).await?)
        };
        let key = input.idempotency_key.as_deref();
        let asset = match call.once("createAsset", key, &input, act, |asset| asset.id).await? {
            Once::Now(asset) => Some(asset),
            Once::Before(id) => shown_again(&call, id).await?,
        };
        Ok(AssetMutationResponse { asset: asset.map(AssetNode) })
    }

    async fn update_asset(&self, context: &Context<'_>, input: UpdateAssetInput) -> Result<AssetMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let id = asset_id(&input.id, "Asset not found")?;
            let thresholds = thresholds(input.withdrawal_threshold, input.liquidity_threshold)?;
            Ok(call.administration().update_asset(call.caller, id, thresholds).await?)
        };
        let key = input.idempotency_key.as_deref();
        let asset = match call.once("updateAsset", key, &input, act, |asset| asset.id).await? {
            Once::Now(asset) => Some(asset),
            Once::Before(id) => shown_again(&call, id).await?,
        };
        Ok(AssetMutationResponse { asset: asset.map(AssetNode) })
    }

    async fn delete_asset(
        &self,
        context: &Context<'_>,
        input: DeleteAssetInput,
    ) -> Result<DeleteAssetMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let id = asset_id(&input.id, "Asset not found")?;
            Ok(call.administration().delete_asset(call.caller, id).await?)
        };
        let key = input.idempotency_key.as_deref();
        let asset = match call.once("deleteAsset", key, &input, act, |asset| asset.id).await? {
            Once::Now(asset) => Some(asset),
            Once::Before(id) => shown_again(&call, id).await?,
        };
        Ok(DeleteAssetMutationResponse { asset: asset.map(AssetNode) })
    }

    async fn set_fee(&self, context: &Context<'_>, input: SetFeeInput) -> Result<SetFeeResponse> {
        let call = Call::of(context)?;
        let key = input.idempotency_key.as_deref();
        let mutation = call.mutation("setFee", key, &input)?;
        let act = async {
            let asset = asset_id(&input.asset_id, "Unknown asset")?;
            let (fixed, points) = (input.fee.fixed.0, i64::from(input.fee.basis_points));
            let (kind, origin) = (input.kind.into(), mutation.origin());
            Ok(call.administration().set_fee_once(call.caller, asset, kind, fixed, points, origin).await?)
        };
        let fee = match mutation.once(act, |fee| fee.id).await? {
            Once::Now(fee) => Some(fee),
            Once::Before(id) => call.reach().fee(id).await.map_err(Refusal::from)?,
        };
        Ok(SetFeeResponse { fee: fee.map(FeeNode::from) })
    }
}

async fn shown_again(call: &Call<'_>, id: AssetId) -> Result<Option<payments_model::TenantAsset>, Refusal> {
    Ok(call.reach().asset_even_deleted(id).await?)
}

fn asset_id(text: &str, unknown: &str) -> Result<AssetId, Refusal> {
    text.parse().map_err(|_| Refusal::new(unknown, Code::NotFound))
}

/// The tenant something is assigned to.
pub(super) fn tenant_id(text: &str) -> Result<payments_model::TenantId, Refusal> {
    let refused = |_| Refusal::new("Assignment to the specified tenant is not permitted", Code::BadUserInput);
    text.parse().map_err(refused)
}

fn thresholds(withdrawal: Option<UInt64>, liquidity: Option<UInt64>) -> Result<Thresholds, Refusal> {
    Ok(Thresholds {
        withdrawal: withdrawal.map(UInt64::storable).transpose()?,
        liquidity: liquidity.map(UInt64::storable).transpose()?,
    })
}
