//! Deposits and withdrawals.
//! The rules are in `payments::administration::liquidity`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use payments::administration::{Holder, PaymentToWithdraw};
use payments_model::WalletAddressId;
use serde::{Deserialize, Serialize};

use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::idempotency::{ClaimTime, Once, ResultNote};
use crate::scalars::UInt64;
use crate::texts::Name;
use crate::types::wallet_address::WalletAddressNode;

macro_rules! inputs {
    ($($name:ident { $($field:ident: $kind:ty),* $(,)? })*) => {
        $(#[derive(InputObject, Serialize)]
        pub(crate) struct $name {
            $($field: $kind,)*
            idempotency_key: Name,
        })*
    };
}

inputs! {
    DepositAssetLiquidityInput { asset_id: String, amount: UInt64, id: String }
    DepositPeerLiquidityInput { peer_id: String, amount: UInt64, id: String }
    CreateAssetLiquidityWithdrawalInput { asset_id: String, amount: UInt64, id: String, timeout_seconds: UInt64 }
    CreatePeerLiquidityWithdrawalInput { peer_id: String, amount: UInt64, id: String, timeout_seconds: UInt64 }
    PostLiquidityWithdrawalInput { withdrawal_id: String }
    VoidLiquidityWithdrawalInput { withdrawal_id: String }
}

macro_rules! inputs_of_all {
    ($($name:ident { $($field:ident: $kind:ty),* $(,)? })*) => {
        $(#[derive(InputObject, Serialize)]
        pub(crate) struct $name {
            $($field: $kind,)*
            idempotency_key: Name,
            /// Left out where it is not given, so that keys of requests without it stay the same.
            #[serde(skip_serializing_if = "Option::is_none")]
            amount: Option<UInt64>,
        })*
    };
}

inputs_of_all! {
    CreateWalletAddressWithdrawalInput { wallet_address_id: String, id: String, timeout_seconds: UInt64 }
    CreateIncomingPaymentWithdrawalInput { incoming_payment_id: String, timeout_seconds: UInt64 }
    CreateOutgoingPaymentWithdrawalInput { outgoing_payment_id: String, timeout_seconds: UInt64 }
}

#[derive(SimpleObject)]
pub(crate) struct LiquidityMutationResponse {
    pub(crate) success: bool,
}

#[derive(SimpleObject)]
pub(crate) struct WalletAddressWithdrawalMutationResponse {
    withdrawal: Option<WalletAddressWithdrawal>,
}

#[derive(SimpleObject)]
pub(crate) struct WalletAddressWithdrawal {
    id: ID,
    amount: UInt64,
    wallet_address: WalletAddressNode,
}

/// What is remembered of a wallet address withdrawal.
#[derive(Serialize, Deserialize)]
struct Withdrawn {
    wallet_address: WalletAddressId,
    amount: u64,
}

/// Done, or null and an error.
pub(crate) type Success = Option<Result<LiquidityMutationResponse>>;

/// Runs a mutation that answers nothing but that it was done.
pub(crate) async fn done_once(
    call: &Call<'_>,
    field: &str,
    key: &str,
    input: &impl Serialize,
    act: impl Future<Output = Result<(), Refusal>>,
) -> Result<Option<LiquidityMutationResponse>> {
    let act = Box::pin(act);
    done_once_noted(call, field, key, input, |_| act).await
}

/// As [`done_once`]. `act` gets the note that stores that it was done.
pub(crate) async fn done_once_noted<F: Future<Output = Result<(), Refusal>>>(
    call: &Call<'_>,
    field: &str,
    key: &str,
    input: &impl Serialize,
    act: impl FnOnce(Option<ResultNote>) -> F,
) -> Result<Option<LiquidityMutationResponse>> {
    call.mutation(field, Some(key), input)?.once_noted(ClaimTime::Before, act, |()| ()).await?;
    Ok(Some(LiquidityMutationResponse { success: true }))
}

#[derive(Default)]
pub(crate) struct LiquidityMutation;

#[Object]
impl LiquidityMutation {
    async fn deposit_asset_liquidity(&self, context: &Context<'_>, input: DepositAssetLiquidityInput) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let holder = Holder::Asset(id(&input.asset_id, "Unknown asset")?);
                Ok(call.administration().deposit(call.caller, holder, input.amount.0, &input.id).await?)
            };
            done_once(&call, "depositAssetLiquidity", &input.idempotency_key, &input, act).await
        })
        .await
    }

    async fn deposit_peer_liquidity(&self, context: &Context<'_>, input: DepositPeerLiquidityInput) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let holder = Holder::Peer(id(&input.peer_id, "unknown peer")?);
                Ok(call.administration().deposit(call.caller, holder, input.amount.0, &input.id).await?)
            };
            done_once(&call, "depositPeerLiquidity", &input.idempotency_key, &input, act).await
        })
        .await
    }

    async fn create_asset_liquidity_withdrawal(
        &self,
        context: &Context<'_>,
        input: CreateAssetLiquidityWithdrawalInput,
    ) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let holder = Holder::Asset(id(&input.asset_id, "Unknown asset")?);
                let (amount, timeout) = (input.amount.0, input.timeout_seconds.0);
                Ok(call.administration().withdraw(call.caller, holder, amount, &input.id, timeout).await?)
            };
            done_once(&call, "createAssetLiquidityWithdrawal", &input.idempotency_key, &input, act).await
        })
        .await
    }

    async fn create_peer_liquidity_withdrawal(
        &self,
        context: &Context<'_>,
        input: CreatePeerLiquidityWithdrawalInput,
    ) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let holder = Holder::Peer(id(&input.peer_id, "Unknown peer")?);
                let (amount, timeout) = (input.amount.0, input.timeout_seconds.0);
                Ok(call.administration().withdraw(call.caller, holder, amount, &input.id, timeout).await?)
            };
            done_once(&call, "createPeerLiquidityWithdrawal", &input.idempotency_key, &input, act).await
        })
        .await
    }

    async fn create_wallet_address_withdrawal(
        &self,
        context: &Context<'_>,
        input: CreateWalletAddressWithdrawalInput,
    ) -> Option<Result<WalletAddressWithdrawalMutationResponse>> {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let address = id(&input.wallet_address_id, "Unknown wallet address")?;
                let (transfer, timeout) = (input.id.as_str(), input.timeout_seconds.0);
                let (administration, expected) = (call.administration(), input.amount.as_ref().map(|amount| amount.0));
                let made =
                    administration.withdraw_from_wallet_address(call.caller, address, transfer, timeout, expected);
                Ok(made.await?)
            };

            let key = Some(&*input.idempotency_key);
            let remember = |(address, amount): &(payments_model::WalletAddress, u64)| Withdrawn {
                wallet_address: address.id,
                amount: *amount,
            };
            let (address, amount) = match call.once("createWalletAddressWithdrawal", key, &input, act, remember).await?
            {
                Once::Now((address, amount)) => (address, amount),
                Once::Before(withdrawn) => {
                    let address = call.reach().wallet_address(withdrawn.wallet_address).await.map_err(Refusal::from)?;
                    let unknown = || Refusal::new("Unknown wallet address", Code::NotFound);
                    (address.ok_or_else(unknown)?, withdrawn.amount)
                }
            };

            let withdrawal = WalletAddressWithdrawal {
                id: input.id.into(),
                amount: UInt64(amount),
                wallet_address: WalletAddressNode(address),
            };
            Ok(Some(WalletAddressWithdrawalMutationResponse { withdrawal: Some(withdrawal) }))
        })
        .await
    }

    async fn create_incoming_payment_withdrawal(
        &self,
        context: &Context<'_>,
        input: CreateIncomingPaymentWithdrawalInput,
    ) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let payment = PaymentToWithdraw::Incoming(id(&input.incoming_payment_id, "Unknown incoming payment")?);
                let (timeout, expected) = (input.timeout_seconds.0, input.amount.as_ref().map(|amount| amount.0));
                Ok(call.administration().withdraw_from_payment(call.caller, payment, timeout, expected).await?)
            };
            done_once(&call, "createIncomingPaymentWithdrawal", &input.idempotency_key, &input, act).await
        })
        .await
    }

    async fn create_outgoing_payment_withdrawal(
        &self,
        context: &Context<'_>,
        input: CreateOutgoingPaymentWithdrawalInput,
    ) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let payment = PaymentToWithdraw::Outgoing(id(&input.outgoing_payment_id, "Unknown outgoing payment")?);
                let (timeout, expected) = (input.timeout_seconds.0, input.amount.as_ref().map(|amount| amount.0));
                Ok(call.administration().withdraw_from_payment(call.caller, payment, timeout, expected).await?)
            };
            done_once(&call, "createOutgoingPaymentWithdrawal", &input.idempotency_key, &input, act).await
        })
        .await
    }

    async fn post_liquidity_withdrawal(&self, context: &Context<'_>, input: PostLiquidityWithdrawalInput) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async { Ok(call.administration().post_withdrawal(call.caller, &input.withdrawal_id).await?) };
            done_once(&call, "postLiquidityWithdrawal", &input.idempotency_key, &input, act).await
        })
        .await
    }

    async fn void_liquidity_withdrawal(&self, context: &Context<'_>, input: VoidLiquidityWithdrawalInput) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async { Ok(call.administration().void_withdrawal(call.caller, &input.withdrawal_id).await?) };
            done_once(&call, "voidLiquidityWithdrawal", &input.idempotency_key, &input, act).await
        })
        .await
    }
}

/// An id that is no UUID finds nothing.
pub(crate) fn id<T: std::str::FromStr>(text: &str, unknown: &str) -> Result<T, Refusal> {
    text.parse().map_err(|_| Refusal::new(unknown, Code::NotFound))
}
