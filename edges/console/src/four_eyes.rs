//! Which changes wait for a second person: those that move more than a limit, and those that cannot be undone.
//!
//! What waits is kept in `approvals`.

use std::time::Duration;

use admin_client::Mutation;
use serde::{Deserialize, Serialize};

use crate::view::Money;

/// The rule of a console that asks a second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FourEyes {
    /// What one person may move alone. An asset without a limit waits with any amount.
    pub limits: Vec<Limit>,
    /// How long a change waits before it is given up.
    pub lifetime: Duration,
    /// What one person moves alone within this time counts together.
    pub window: Duration,
}

/// The most of an asset that one person may move alone, as an exact decimal number of whole units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// For example `USD`.
    pub asset_code: String,
    /// All digits of the number.
    pub digits: u64,
    /// How many of the digits are decimal places.
    pub places: u32,
}

/// What is at stake with a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stakes {
    /// It moves this amount.
    Moves(Money),
    /// It moves money, and the amount is known to the instance only.
    MovesUnknown,
    /// It moves no money and cannot be undone.
    Final,
}

/// How much a mutation weighs by itself.
enum Weight {
    /// It can be changed back, or it stops something. What stops something must not wait.
    Light,
    MovesMoney,
    Final,
}

fn weight(mutation: Mutation) -> Weight {
    use Mutation as M;
    match mutation {
        M::DepositAssetLiquidity
        | M::CreateAssetLiquidityWithdrawal
        | M::DepositPeerLiquidity
        | M::CreatePeerLiquidityWithdrawal
        | M::PostLiquidityWithdrawal
        | M::CreateWalletAddressWithdrawal
        | M::CreateIncomingPaymentWithdrawal
        | M::CreateOutgoingPayment
        | M::CreateOutgoingPaymentFromIncomingPayment
        | M::DepositOutgoingPaymentLiquidity
        | M::CreateOutgoingPaymentWithdrawal => Weight::MovesMoney,

        // Certificates of a peer say to whom packets are sent, and a private key that is replaced is gone.
        M::DeleteAsset | M::DeletePeer | M::DeleteTenant | M::DeleteWebhookEndpoint | M::SetFee | M::SetPeerTls => {
            Weight::Final
        }

        M::CreateAsset
        | M::UpdateAsset
        | M::FetchExchangeRates
        | M::CreatePeer
        | M::CreateOrUpdatePeerByUrl
        | M::UpdatePeer
        | M::AddPeerIncomingToken
        | M::RemovePeerIncomingToken
        | M::ReplacePeerOutgoingToken
        | M::VoidLiquidityWithdrawal
        | M::CreateWalletAddress
        | M::UpdateWalletAddress
        | M::CreateWalletAddressKey
        | M::RevokeWalletAddressKey
        | M::TriggerWalletAddressEvents
        | M::CreateTenantSettings
        | M::CreateTenant
        | M::UpdateTenant
        | M::CreateIncomingPayment
        | M::UpdateIncomingPayment
        | M::ApproveIncomingPayment
        | M::CancelIncomingPayment
        | M::ConfirmPartialIncomingPayment
        | M::RejectPartialIncomingPayment
        | M::CreateReceiver
        | M::CompleteReceiver
        | M::CreateQuote
        | M::CancelOutgoingPayment
        | M::CreateWebhookEndpoint
        | M::UpdateWebhookEndpoint
        | M::RotateWebhookEndpointSecret
        | M::PauseWebhookEndpoints
        | M::ResumeWebhookEndpoints
        | M::TestWebhookEndpoint
        | M::ResendWebhookEvents
        | M::RevokeGrant => Weight::Light,
    }
}

/// The change in plain words.
pub(crate) fn name(mutation: Mutation) -> &'static str {
    use Mutation as M;
    match mutation {
        M::DepositAssetLiquidity => "Deposit to an asset",
        M::CreateAssetLiquidityWithdrawal => "Withdraw from an asset",
        M::DepositPeerLiquidity => "Deposit to a peer",
        M::CreatePeerLiquidityWithdrawal => "Withdraw from a peer",
        M::PostLiquidityWithdrawal => "Post a withdrawal that waits",
        M::CreateWalletAddressWithdrawal => "Withdraw all money of a wallet address",
        M::CreateIncomingPaymentWithdrawal => "Withdraw all money of an incoming payment",
        M::CreateOutgoingPayment | M::CreateOutgoingPaymentFromIncomingPayment => "Create an outgoing payment",
        M::DepositOutgoingPaymentLiquidity => "Fund an outgoing payment",
        M::CreateOutgoingPaymentWithdrawal => "Withdraw what is left of an outgoing payment",
        M::DeleteAsset => "Delete an asset",
        M::DeletePeer => "Delete a peer",
        M::DeleteTenant => "Delete a tenant",
        M::DeleteWebhookEndpoint => "Delete a webhook endpoint",
        M::SetFee => "Set a fee",
        M::SetPeerTls => "Set the certificates of a peer",
        M::UpdateTenant => "Set a new secret of a tenant",
        M::CreatePeer | M::CreateOrUpdatePeerByUrl => "Create a peer with liquidity",
        _ => "Change",
    }
}

impl FourEyes {
    /// What is at stake, if the change has to wait. `amount` is what the form says that it moves.
    pub(crate) fn holds_back(&self, mutation: Mutation, amount: Option<&Money>) -> Option<Stakes> {
        let above = amount.filter(|amount| self.is_above([*amount])).map(|amount| Stakes::Moves(amount.clone()));
        match weight(mutation) {
            Weight::MovesMoney if amount.is_none() => Some(Stakes::MovesUnknown),
            Weight::Light | Weight::MovesMoney => above,
            Weight::Final => Some(Stakes::Final),
        }
    }

    /// Whether amounts of one asset are above its limit together.
    pub(crate) fn is_above<'m>(&self, amounts: impl IntoIterator<Item = &'m Money> + Clone) -> bool {
        let Some(first) = amounts.clone().into_iter().next() else { return false };
        let limit = self.limits.iter().find(|limit| limit.asset_code == first.code);
        limit.is_none_or(|limit| limit.is_below(amounts))
    }
}

impl Limit {
    /// All numbers are compared in a unit that is small enough for each. A limit too large for this holds nothing back,
    /// because an amount has at most 64 bits; a sum too large for it is above every other limit.
    fn is_below<'m>(&self, amounts: impl IntoIterator<Item = &'m Money> + Clone) -> bool {
        let times_ten = |number: u128, exponent: u32| 10_u128.checked_pow(exponent)?.checked_mul(number);
        let amounts = amounts.into_iter().filter(|amount| amount.value > 0);
        if self.digits == 0 {
            return amounts.count() > 0;
        }
        let amounts: Vec<&Money> = amounts.collect();
        let scale = amounts.iter().map(|amount| u32::from(amount.scale)).max().unwrap_or(0);
        let Some(limit) = times_ten(u128::from(self.digits), scale) else { return false };
        let sum = amounts.iter().try_fold(0_u128, |sum, amount| {
            let more = times_ten(u128::from(amount.value), scale - u32::from(amount.scale))?;
            sum.checked_add(times_ten(more, self.places)?)
        });
        sum.is_none_or(|sum| sum > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> FourEyes {
        let limit = |code: &str, digits, places| Limit { asset_code: code.to_owned(), digits, places };
        FourEyes {
            limits: vec![limit("USD", 100_050, 2), limit("JPY", 0, 0), limit("ETH", u64::MAX, 0)],
            lifetime: Duration::from_hours(24),
            window: Duration::from_hours(24),
        }
    }

    fn waits(mutation: Mutation, amount: Option<(u64, &str, u8)>) -> bool {
        let amount = amount.map(|(value, code, scale)| Money::new(value, code, scale));
        rule().holds_back(mutation, amount.as_ref()).is_some()
    }

    #[test]
    fn an_amount_waits_if_it_is_above_the_limit_whatever_the_scale_is() {
        let deposit = |value, code, scale| waits(Mutation::DepositAssetLiquidity, Some((value, code, scale)));
        assert_eq!((deposit(100_050, "USD", 2), deposit(100_051, "USD", 2)), (false, true));
        assert_eq!((deposit(1_000, "USD", 0), deposit(1_001, "USD", 0)), (false, true));
        assert_eq!((deposit(1_000_500_000_000, "USD", 9), deposit(1_000_500_000_001, "USD", 9)), (false, true));
        assert_eq!((deposit(0, "JPY", 0), deposit(1, "JPY", 0)), (false, true));
        assert!(deposit(1, "EUR", 2), "an asset without a limit waits");
        assert!(!deposit(u64::MAX, "ETH", 255), "a limit larger than any amount");
    }

    #[test]
    fn what_cannot_be_undone_waits_and_what_can_be_changed_back_or_stops_something_does_not() {
        for mutation in [
            Mutation::DeleteTenant,
            Mutation::SetFee,
            Mutation::DeletePeer,
            Mutation::DeleteAsset,
            Mutation::SetPeerTls,
        ] {
            assert!(waits(mutation, None), "{mutation:?}");
        }
        for mutation in [Mutation::RevokeGrant, Mutation::CancelOutgoingPayment, Mutation::UpdateAsset] {
            assert!(!waits(mutation, None), "{mutation:?}");
        }
        assert!(waits(Mutation::PostLiquidityWithdrawal, None), "nobody knows how much it is");
        assert!(!waits(Mutation::CreatePeer, None) && waits(Mutation::CreatePeer, Some((200_000, "USD", 2))));
    }

    #[test]
    fn every_change_that_may_wait_has_a_name() {
        for mutation in Mutation::ALL.iter().filter(|mutation| !matches!(weight(**mutation), Weight::Light)) {
            assert_ne!(name(*mutation), "Change", "{mutation:?}");
        }
    }
}
