//! The client or person that set a payment in motion.
//!
//! Not the client's identity: that is recorded beside it, where there is one.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The client or person that set a payment in motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InitiatedBy {
    /// A card at a point of sale.
    Card,
    /// A client of the Open Payments API.
    OpenPayments,
    /// The account-servicing entity, through the Admin API.
    Admin,
}

/// The text names no initiator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an initiator is CARD, OPEN_PAYMENTS or ADMIN")]
pub struct UnknownInitiator;

impl InitiatedBy {
    /// The name used in the database and in the Admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Card => "CARD",
            Self::OpenPayments => "OPEN_PAYMENTS",
            Self::Admin => "ADMIN",
        }
    }
}

impl FromStr for InitiatedBy {
    type Err = UnknownInitiator;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Card, Self::OpenPayments, Self::Admin]
            .into_iter()
            .find(|initiator| initiator.as_str() == text)
            .ok_or(UnknownInitiator)
    }
}
