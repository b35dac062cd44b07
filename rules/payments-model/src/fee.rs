//! What an account-servicing entity charges for payments in an asset.
//!
//! A history: the newest fee of an asset and kind is in force, older ones stay with their quotes.

use std::str::FromStr;

use clock::Timestamp;

use crate::quote::FeeTerms;
use crate::{AssetId, FeeId};

/// The largest share, in 1/10000.
pub const LARGEST_BASIS_POINTS: u16 = 10_000;

/// A version of an asset's fee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Its id; quotes refer to it.
    pub id: FeeId,
    /// For payments in which asset.
    pub asset_id: AssetId,
    /// For which payments.
    pub kind: FeeKind,
    /// How much.
    pub terms: FeeTerms,
    /// Since when.
    pub created_at: Timestamp,
}

/// Which payments a fee is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeeKind {
    /// Payments sent.
    Sending,
    /// Payments received; stored and shown, without effect.
    Receiving,
}

/// The text is no kind of fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fee is SENDING or RECEIVING")]
pub struct UnknownFeeKind;

impl FeeKind {
    /// The name used in the database and in the Admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "SENDING",
            Self::Receiving => "RECEIVING",
        }
    }
}

impl FromStr for FeeKind {
    type Err = UnknownFeeKind;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "SENDING" => Ok(Self::Sending),
            "RECEIVING" => Ok(Self::Receiving),
            _ => Err(UnknownFeeKind),
        }
    }
}
