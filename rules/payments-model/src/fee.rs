//! The fee of an account-servicing entity for payments in an asset.
//!
//! It computes nothing. Fees form a history: the newest fee of an asset and kind applies, and older ones stay with
//! their quotes.

use std::str::FromStr;

use clock::Timestamp;

use crate::quote::FeeTerms;
use crate::{AssetId, FeeId};

/// The largest share, in hundredths of a percent.
pub const LARGEST_BASIS_POINTS: u16 = 10_000;

/// One version of an asset's fee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Its id; quotes refer to it.
    pub id: FeeId,
    /// The asset of the payments.
    pub asset_id: AssetId,
    /// The kind of the payments.
    pub kind: FeeKind,
    /// The amount, as a share and a fixed part.
    pub terms: FeeTerms,
    /// The time at which it was set.
    pub created_at: Timestamp,
}

/// The kind of payments that a fee applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeeKind {
    /// Outgoing payments.
    Sending,
    /// Incoming payments. Such a fee is stored and shown, but it has no effect.
    Receiving,
}

/// The text does not name a kind of fee.
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
