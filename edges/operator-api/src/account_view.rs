//! A ledger account in JSON, for the operator.
//! The graph of accounts is in `ledger_view`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// Its id.
    pub id: Uuid,
    /// The number of its ledger.
    pub ledger: u32,
    /// The ledger's asset.
    pub asset_code: String,
    /// Decimal places.
    pub asset_scale: u8,
    /// Its name for people: `settlement`, `peer Happy Life Bank`, `outgoing payment`, …
    pub name: String,
    /// Posted debits.
    #[serde(with = "text")]
    pub debits: u128,
    /// Posted credits.
    #[serde(with = "text")]
    pub credits: u128,
    /// Held by pending transfers, on either side.
    #[serde(with = "text")]
    pub pending: u128,
    /// For a peer: when and why its last exchange with this process failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl AccountView {
    /// Posted credits less posted debits.
    pub fn balance(&self) -> i128 {
        let signed = |amount: u128| i128::try_from(amount).unwrap_or(i128::MAX);
        signed(self.credits).saturating_sub(signed(self.debits))
    }
}
