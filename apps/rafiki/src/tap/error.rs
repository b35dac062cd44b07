//! Why a tap did not end with a receipt.
//! Errors of payments without a card are in `pay`.

use uuid::Uuid;

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapError {
    #[error("{0:?} is not an amount of {1} above zero; write it like 5.00")]
    Amount(String, String),
    #[error("there is no virtual card for {0}; the playground makes one for each of its seeded accounts")]
    NoCard(String),
    #[error("there is no virtual terminal at {0}; the playground has one for each of its seeded accounts")]
    NoTerminal(String),
    #[error("cards cannot pay in the currency {0}")]
    Currency(String),
    #[error("a PIN has 4 to 12 digits")]
    Pin,
    #[error("declined ({code}){}", detail(description))]
    Declined { code: String, description: String },
    #[error("the point of sale does not answer: {0}")]
    Unreachable(String),
    #[error(
        "it is not known whether tap {id} was paid: {reason}\nRepeat the command with --request-id {id}: the tap is paid \
         once or not at all"
    )]
    Unknown { id: Uuid, reason: String },
}

fn detail(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!(": {description}") }
}

impl TapError {
    /// The word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Amount(..) | Self::Pin | Self::Currency(_) => "invalid",
            Self::NoCard(_) | Self::NoTerminal(_) => "unknown",
            Self::Declined { .. } => "declined",
            Self::Unreachable(_) => "unreachable",
            Self::Unknown { .. } => "outcome_unknown",
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Amount(..) | Self::Pin | Self::Currency(_) => 2,
            Self::NoCard(_) | Self::NoTerminal(_) => 3,
            Self::Declined { .. } => 4,
            Self::Unreachable(_) => 5,
            Self::Unknown { .. } => 8,
        }
    }
}
