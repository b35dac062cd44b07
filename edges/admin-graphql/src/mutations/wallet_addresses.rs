//! Wallet addresses and their keys.
//! Their rules are in `payments`; how they are shown is in `types`.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use payments::administration::{NewKey, NewWalletAddress, WalletAddressChange};
use payments_model::wallet_address::AdditionalProperty;
use payments_model::{WalletAddress, WalletAddressId, WalletAddressKeyId};
use serde::Serialize;

use super::assets::tenant_id;
use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::field_change::change_of;
use crate::idempotency::Once;
use crate::texts::Name;
use crate::types::wallet_address::{
    AdditionalPropertyInput, JwkInput, WalletAddressKeyNode, WalletAddressNode, WalletAddressStatus,
};

#[derive(InputObject, Serialize)]
pub(crate) struct CreateWalletAddressInput {
    tenant_id: Option<ID>,
    asset_id: String,
    address: String,
    public_name: Option<Name>,
    idempotency_key: Option<Name>,
    additional_properties: Option<Vec<AdditionalPropertyInput>>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct UpdateWalletAddressInput {
    id: ID,
    public_name: MaybeUndefined<Name>,
    status: Option<WalletAddressStatus>,
    idempotency_key: Option<Name>,
    additional_properties: Option<Vec<AdditionalPropertyInput>>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct CreateWalletAddressKeyInput {
    wallet_address_id: String,
    jwk: JwkInput,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct RevokeWalletAddressKeyInput {
    id: String,
    idempotency_key: Option<Name>,
}

#[derive(SimpleObject)]
pub(crate) struct CreateWalletAddressMutationResponse {
    wallet_address: Option<WalletAddressNode>,
}

#[derive(SimpleObject)]
pub(crate) struct UpdateWalletAddressMutationResponse {
    wallet_address: Option<WalletAddressNode>,
}

#[derive(SimpleObject)]
pub(crate) struct CreateWalletAddressKeyMutationResponse {
    wallet_address_key: Option<WalletAddressKeyNode>,
}

#[derive(SimpleObject)]
pub(crate) struct RevokeWalletAddressKeyMutationResponse {
    wallet_address_key: Option<WalletAddressKeyNode>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct TriggerWalletAddressEventsInput {
    limit: i32,
    idempotency_key: Option<Name>,
}

#[derive(SimpleObject)]
pub(crate) struct TriggerWalletAddressEventsMutationResponse {
    count: Option<i32>,
}

#[derive(Default)]
pub(crate) struct WalletAddressMutation;

#[Object]
impl WalletAddressMutation {
    async fn create_wallet_address(
        &self,
        context: &Context<'_>,
        input: CreateWalletAddressInput,
    ) -> Result<CreateWalletAddressMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let new = NewWalletAddress {
                tenant: input.tenant_id.as_ref().map(|id| tenant_id(id)).transpose()?,
                asset_id: input.asset_id.parse().map_err(|_| Refusal::new("unknown asset", Code::BadUserInput))?,
                address: input.address.clone(),
                public_name: input.public_name.clone().map(Name::into_string),
                additional_properties: properties(input.additional_properties.as_ref()).unwrap_or_default(),
            };
            Ok(call.administration().create_wallet_address(call.caller, new).await?)
        };
        let key = input.idempotency_key.as_deref();
        let address = match call.once("createWalletAddress", key, &input, act, |address| address.id).await? {
            Once::Now(address) => Some(address),
            Once::Before(id) => shown_again(&call, id).await?,
        };
        Ok(CreateWalletAddressMutationResponse { wallet_address: address.map(WalletAddressNode) })
    }

    async fn update_wallet_address(
        &self,
        context: &Context<'_>,
        input: UpdateWalletAddressInput,
    ) -> Result<UpdateWalletAddressMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let id = input.id.parse().map_err(|_| Refusal::new("Unknown wallet address", Code::NotFound))?;
            let change = WalletAddressChange {
                public_name: change_of(input.public_name.clone()).map(Name::into_string),
                status: input.status.map(Into::into),
                additional_properties: properties(input.additional_properties.as_ref()),
            };
            Ok(call.administration().update_wallet_address(call.caller, id, change).await?)
        };
        let key = input.idempotency_key.as_deref();
        let address = match call.once("updateWalletAddress", key, &input, act, |address| address.id).await? {
            Once::Now(address) => Some(address),
            Once::Before(id) => shown_again(&call, id).await?,
        };
        Ok(UpdateWalletAddressMutationResponse { wallet_address: address.map(WalletAddressNode) })
    }

    async fn create_wallet_address_key(
        &self,
        context: &Context<'_>,
        input: CreateWalletAddressKeyInput,
    ) -> Option<Result<CreateWalletAddressKeyMutationResponse>> {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let unknown = |_| Refusal::new("unknown wallet address", Code::NotFound);
                let new = NewKey {
                    wallet_address_id: input.wallet_address_id.parse().map_err(unknown)?,
                    kid: input.jwk.kid.clone(),
                    x: input.jwk.x.clone(),
                };
                Ok(call.administration().create_wallet_address_key(call.caller, new).await?)
            };
            let key = input.idempotency_key.as_deref();
            let made = match call.once("createWalletAddressKey", key, &input, act, |made| made.id).await? {
                Once::Now(made) => Some(made),
                Once::Before(id) => call.reach().wallet_address_key(id).await.map_err(Refusal::from)?,
            };
            Ok(Some(CreateWalletAddressKeyMutationResponse { wallet_address_key: made.map(Into::into) }))
        })
        .await
    }

    async fn revoke_wallet_address_key(
        &self,
        context: &Context<'_>,
        input: RevokeWalletAddressKeyInput,
    ) -> Option<Result<RevokeWalletAddressKeyMutationResponse>> {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let unknown = |_| Refusal::new("Wallet address key not found", Code::NotFound);
                let id: WalletAddressKeyId = input.id.parse().map_err(unknown)?;
                Ok(call.administration().revoke_wallet_address_key(call.caller, id).await?)
            };
            let key = input.idempotency_key.as_deref();
            let revoked = match call.once("revokeWalletAddressKey", key, &input, act, |key| key.id).await? {
                Once::Now(revoked) => Some(revoked),
                Once::Before(id) => call.reach().wallet_address_key(id).await.map_err(Refusal::from)?,
            };
            Ok(Some(RevokeWalletAddressKeyMutationResponse { wallet_address_key: revoked.map(Into::into) }))
        })
        .await
    }

    /// Announces what was paid straight to wallet addresses of the caller (the operator: of anybody), where it is time.
    async fn trigger_wallet_address_events(
        &self,
        context: &Context<'_>,
        input: TriggerWalletAddressEventsInput,
    ) -> Result<TriggerWalletAddressEventsMutationResponse> {
        let call = Call::of(context)?;
        let act = async {
            let limit = usize::try_from(input.limit);
            let limit = limit.map_err(|_| Refusal::new("limit must not be negative", Code::BadUserInput))?;
            let handled = call.payments().announce_due_web_monetization(call.caller, limit).await?;
            Ok(i32::try_from(handled).unwrap_or(i32::MAX))
        };
        let key = input.idempotency_key.as_deref();
        let count = match call.once("triggerWalletAddressEvents", key, &input, act, |count| *count).await? {
            Once::Now(count) | Once::Before(count) => count,
        };
        Ok(TriggerWalletAddressEventsMutationResponse { count: Some(count) })
    }
}

async fn shown_again(call: &Call<'_>, id: WalletAddressId) -> Result<Option<WalletAddress>, Refusal> {
    Ok(call.reach().wallet_address(id).await?)
}

fn properties(given: Option<&Vec<AdditionalPropertyInput>>) -> Option<Vec<AdditionalProperty>> {
    given.map(|list| list.iter().cloned().map(Into::into).collect())
}
