//! The spending limits of an outgoing-payment grant: the `limits` that an access item of Open Payments adds to RFC 9635
//! section 8.
//!
//! It does not count spending: the resource server does.

use money::{Asset, AssetAmount};
use serde::{Deserialize, Serialize};
use web_url::WebUrl;

use crate::interval::RepeatingInterval;
use crate::parse::present;

/// The limits of an outgoing-payment access item. An empty set limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WireLimits", into = "WireLimits")]
pub struct Limits {
    /// Only this incoming payment may be paid.
    pub receiver: Option<WebUrl>,
    /// The amount is per repetition of this interval, and payments outside of it are refused.
    pub interval: Option<RepeatingInterval>,
    /// The most that may be spent, in total or per repetition; `None` means no limit.
    pub amount: Option<LimitAmount>,
}

/// The limited side of the payments. It is never both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitAmount {
    /// The amount that leaves the owner's account.
    Debit(AssetAmount),
    /// The amount that arrives at the receivers.
    Receive(AssetAmount),
}

/// Why limits are not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimits {
    /// Both sides are limited.
    #[error("only one access amount allowed")]
    TwoAmounts,
    /// `receiver` is not the URL of an incoming payment.
    #[error("receiver must be the http or https URL of an incoming payment")]
    Receiver,
    /// An amount's value is not a decimal string of an unsigned 64-bit number.
    #[error("amount value must be a string of 1 to 20 digits not above 18446744073709551615")]
    Value,
    /// An amount's asset code is empty or unprintable.
    #[error("amount assetCode must have 1 to 255 visible characters")]
    AssetCode,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireLimits {
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    receiver: Option<WebUrl>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    interval: Option<RepeatingInterval>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    debit_amount: Option<WireAmount>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    receive_amount: Option<WireAmount>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireAmount {
    value: String,
    asset_code: String,
    asset_scale: u8,
}

impl TryFrom<WireAmount> for AssetAmount {
    type Error = InvalidLimits;
    fn try_from(wire: WireAmount) -> Result<Self, Self::Error> {
        let digits = (1..=20).contains(&wire.value.len()) && wire.value.bytes().all(|b| b.is_ascii_digit());
        let value = if digits { wire.value.parse().ok() } else { None }.ok_or(InvalidLimits::Value)?;
        let asset = Asset::new(&wire.asset_code, wire.asset_scale).map_err(|_| InvalidLimits::AssetCode)?;
        Ok(Self { value, asset })
    }
}

impl From<AssetAmount> for WireAmount {
    fn from(amount: AssetAmount) -> Self {
        Self {
            value: amount.value.to_string(),
            asset_code: amount.asset.code.as_str().to_owned(),
            asset_scale: amount.asset.scale,
        }
    }
}

impl TryFrom<WireLimits> for Limits {
    type Error = InvalidLimits;
    fn try_from(wire: WireLimits) -> Result<Self, Self::Error> {
        if wire.receiver.as_ref().is_some_and(|receiver| !is_incoming_payment(receiver)) {
            return Err(InvalidLimits::Receiver);
        }
        let amount = match (wire.debit_amount, wire.receive_amount) {
            (Some(_), Some(_)) => return Err(InvalidLimits::TwoAmounts),
            (Some(debit), None) => Some(LimitAmount::Debit(debit.try_into()?)),
            (None, Some(receive)) => Some(LimitAmount::Receive(receive.try_into()?)),
            (None, None) => None,
        };
        Ok(Self { receiver: wire.receiver, interval: wire.interval, amount })
    }
}

fn is_incoming_payment(url: &WebUrl) -> bool {
    url.path().split_once("/incoming-payments/").is_some_and(|(_, id)| !id.is_empty())
}

impl From<Limits> for WireLimits {
    fn from(limits: Limits) -> Self {
        let (debit_amount, receive_amount) = match limits.amount {
            Some(LimitAmount::Debit(amount)) => (Some(amount.into()), None),
            Some(LimitAmount::Receive(amount)) => (None, Some(amount.into())),
            None => (None, None),
        };
        Self { receiver: limits.receiver, interval: limits.interval, debit_amount, receive_amount }
    }
}
