//! Amounts on the wire: `{"value":"1000","assetCode":"USD","assetScale":2}` (Open Payments resource server API).
//! Calculating with amounts is in `words/money`.

use money::{Asset, AssetAmount, AssetCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::AMOUNT_MAX;

/// An amount in the smallest unit of its asset. The value travels as a decimal string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amount {
    /// The number of smallest units.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub value: u64,
    /// The code of the asset.
    pub asset_code: AssetCode,
    /// Decimal places of the asset's smallest unit.
    pub asset_scale: u8,
}

impl Amount {
    /// `value` of `asset`.
    pub fn new(value: u64, asset: &Asset) -> Self {
        Self { value, asset_code: asset.code.clone(), asset_scale: asset.scale }
    }

    /// The asset.
    pub fn asset(&self) -> Asset {
        Asset { code: self.asset_code.clone(), scale: self.asset_scale }
    }

    /// The value of a request: decimal digits only, at most [`AMOUNT_MAX`].
    pub(crate) fn parse_value(digits: &str) -> Option<u64> {
        parse_digits(digits).filter(|value| *value <= AMOUNT_MAX)
    }
}

impl From<AssetAmount> for Amount {
    fn from(amount: AssetAmount) -> Self {
        Self { value: amount.value, asset_code: amount.asset.code, asset_scale: amount.asset.scale }
    }
}

impl From<Amount> for AssetAmount {
    fn from(amount: Amount) -> Self {
        Self { value: amount.value, asset: Asset { code: amount.asset_code, scale: amount.asset_scale } }
    }
}

fn parse_digits(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde calls")]
fn as_text<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let digits = String::deserialize(deserializer)?;
    parse_digits(&digits)
        .ok_or_else(|| serde::de::Error::custom("an amount is a string of decimal digits within 64 bits"))
}
