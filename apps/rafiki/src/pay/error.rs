//! Why a payment was not made: a message for the payer, and an exit code for each kind of reason.
//! Errors of other commands are in `failure`.

use admin_client::{AdminError, Amount, ErrorCode};
use outbound_http::OutboundError;

/// Why a payment was not made, or only in part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayError {
    #[error("{0:?} is neither a wallet address (https://…) nor a payment pointer ($host/path)")]
    NotAnAddress(String),
    #[error("{0} is an incoming payment, not a wallet address; give the wallet address of the payee")]
    IncomingPayment(String),
    #[error("payer and payee are the same account ({0}); no money would move. Name another --to")]
    Oneself(String),
    #[error("{text:?} is not an amount: {reason}")]
    NotAnAmount { text: String, reason: String },
    #[error("stopped before a payment was requested; nothing was sent")]
    Stopped,
    #[error(
        "payment {id} continues without this command; look it up with `rafiki payment {id}{options}` (nothing is found \
         if the command was stopped before the institution had accepted the payment)"
    )]
    GoesOn { id: String, options: String },
    #[error("no institution known here has an outgoing payment {0}")]
    UnknownPayment(String),
    #[error(
        "no institution known here has the wallet address {0}; start `rafiki dev`, or name its Admin API with \
         --admin-url, --tenant and --secret"
    )]
    UnknownInstitution(String),
    #[error(
        "no institution is known here; start `rafiki dev`, or name an Admin API with --admin-url, --tenant and --secret"
    )]
    NoInstitution,
    #[error("the payer's institution has no wallet address {0}")]
    UnknownPayer(String),
    #[error("unknown receiver: there is no wallet address {0}")]
    UnknownReceiver(String),
    #[error("{institution} does not answer: {reason}")]
    Unreachable { institution: String, reason: String },
    #[error("the amount is too small: nothing would arrive{}", least(.minimum.as_ref()))]
    TooSmall { minimum: Option<Amount> },
    #[error("not enough money: {0}")]
    NotEnough(String),
    #[error("{}; ask for a new quote, or try again later", in_words(.0))]
    Rate(String),
    #[error("the payer's institution refused: {0}")]
    Refused(String),
    #[error("not confirmed; nothing was sent")]
    NotConfirmed,
    #[error("payment {id} failed after {sent} was sent: {}", in_words(.reason))]
    Failed { id: String, sent: Amount, reason: String },
    #[error("payment {id} has not ended after {seconds} s; it continues without this command")]
    NoEnd { id: String, seconds: u64 },
    #[error("the Admin API: {0}")]
    Admin(AdminError),
    #[error("{0}")]
    Terminal(std::io::Error),
}

/// A known failure in words. Any other text stays unchanged.
pub(crate) fn in_words(reason: &str) -> String {
    let words = match reason {
        "InsufficientExchangeRate" => "the exchange rate of the path is worse than the quote allows",
        "RemainderWorthless" => "the rest is too small to deliver anything",
        "ExternalRateUnavailable" => "there is no exchange rate for this pair of currencies",
        "RateProbeFailed" => "the path to the receiver has no exchange rate",
        "IdleTimeout" => "nothing has arrived for ten seconds",
        "ConnectorError" => "an institution on the path refuses the payment",
        "EstablishmentFailed" => "the receiver's institution does not answer",
        "ClosedByReceiver" => "the receiver's institution has ended the payment",
        other => return other.to_owned(),
    };
    format!("{words} ({reason})")
}

/// Whether a failure is about exchange rates and not about money.
fn is_about_rates(reason: &str) -> bool {
    ["ExchangeRate", "RemainderWorthless", "ExternalRate", "RateProbe", "convert between assets"]
        .iter()
        .any(|name| reason.contains(name))
}

fn least(minimum: Option<&Amount>) -> String {
    minimum.map(|amount| format!("; send at least {amount}")).unwrap_or_default()
}

impl PayError {
    /// The exit code of this kind of failure.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NotAnAddress(_) | Self::IncomingPayment(_) | Self::Oneself(_) | Self::NotAnAmount { .. } => 2,
            Self::UnknownPayer(_)
            | Self::UnknownReceiver(_)
            | Self::UnknownInstitution(_)
            | Self::UnknownPayment(_)
            | Self::NoInstitution => 3,
            Self::NotEnough(_) => 4,
            Self::Unreachable { .. } => 5,
            Self::TooSmall { .. } => 6,
            Self::NotConfirmed | Self::Stopped => 7,
            Self::GoesOn { .. } => 8,
            Self::Rate(_) => 9,
            Self::Refused(_) | Self::Failed { .. } | Self::NoEnd { .. } | Self::Admin(_) | Self::Terminal(_) => 1,
        }
    }

    /// A word for scripts.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotAnAddress(_) => "not-an-address",
            Self::NotAnAmount { .. } => "not-an-amount",
            Self::IncomingPayment(_) => "incoming-payment",
            Self::Oneself(_) => "oneself",
            Self::Stopped => "stopped",
            Self::GoesOn { .. } => "goes-on",
            Self::UnknownPayment(_) => "unknown-payment",
            Self::NoInstitution => "no-institution",
            Self::UnknownInstitution(_) => "unknown-institution",
            Self::UnknownPayer(_) => "unknown-payer",
            Self::UnknownReceiver(_) => "unknown-receiver",
            Self::Unreachable { .. } => "unreachable",
            Self::TooSmall { .. } => "amount-too-small",
            Self::NotEnough(_) => "not-enough",
            Self::Rate(_) => "rate",
            Self::Refused(_) => "refused",
            Self::NotConfirmed => "not-confirmed",
            Self::Failed { .. } => "failed",
            Self::NoEnd { .. } => "no-end",
            Self::Admin(_) => "admin-api",
            Self::Terminal(_) => "terminal",
        }
    }

    /// The receiver's wallet address document could not be fetched.
    pub(crate) fn fetching(institution: &str, error: OutboundError) -> Self {
        Self::Unreachable { institution: institution.to_owned(), reason: error.to_string() }
    }

    /// A refusal before the payment, at the institution of the receiver `to`.
    pub(crate) fn preparing(error: AdminError, to: &str) -> Self {
        let AdminError::Refused { code, message, details } = error else { return Self::from(error) };
        let lower = message.to_lowercase();
        if code == ErrorCode::NotFound && lower.contains("wallet address") {
            return Self::UnknownReceiver(to.to_owned());
        }
        if lower.contains("receive amount") {
            let minimum = details.and_then(|details| serde_json::from_value(details["minSendAmount"].clone()).ok());
            return Self::TooSmall { minimum };
        }
        Self::by_words(message)
    }

    /// A payment that ended without success, with its reason.
    pub(crate) fn ended(id: String, sent: Amount, reason: String) -> Self {
        if sent.value > 0 {
            return Self::Failed { id, sent, reason };
        }
        match Self::by_words(reason) {
            Self::Refused(reason) => Self::Failed { id, sent, reason },
            kind => kind,
        }
    }

    fn by_words(message: String) -> Self {
        if is_about_rates(&message) {
            return Self::Rate(message);
        }
        let lower = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(&["liquidity", "enough balance", "insufficient"]) {
            Self::NotEnough(message)
        } else if says(&["unreachable", "not answer", "no connection", "timed out", "no route"]) {
            Self::Unreachable { institution: "the receiver's institution".to_owned(), reason: message }
        } else {
            Self::Refused(message)
        }
    }
}

impl From<AdminError> for PayError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Unreachable { reason, .. } => {
                Self::Unreachable { institution: "the payer's institution".to_owned(), reason }
            }
            AdminError::Refused { message, .. } => Self::Refused(message),
            other => Self::Admin(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(code: &str, message: &str) -> AdminError {
        AdminError::Refused { code: ErrorCode::from(code), message: message.to_owned(), details: None }
    }

    #[test]
    fn each_kind_of_refusal_has_its_exit_code() {
        let code = |error| PayError::preparing(error, "https://h/a").exit_code();
        assert_eq!(code(refused("NOT_FOUND", "unknown wallet address")), 3);
        assert_eq!(code(refused("FORBIDDEN", "Insufficient transfer liquidity available")), 4);
        assert_eq!(code(AdminError::Unreachable { endpoint: String::new(), reason: String::new() }), 5);
        assert_eq!(code(refused("BAD_USER_INPUT", "non-positive receive amount")), 6);
        assert_eq!(code(refused("INTERNAL_SERVER_ERROR", "could not convert between assets")), 9);
        let cancelled = PayError::ended(
            "p".to_owned(),
            Amount { value: 0, asset_code: "USD".to_owned(), asset_scale: 2 },
            "Account does not have enough balance.".to_owned(),
        );
        assert_eq!(cancelled.exit_code(), 4);
    }

    #[test]
    fn a_failure_of_rates_is_never_called_one_of_money() {
        let nothing = || Amount { value: 0, asset_code: "MXN".to_owned(), asset_scale: 2 };
        for reason in ["InsufficientExchangeRate", "RemainderWorthless", "ExternalRateUnavailable", "RateProbeFailed"] {
            let told = PayError::ended("p".to_owned(), nothing(), reason.to_owned());
            assert_eq!((told.exit_code(), told.kind()), (9, "rate"), "{reason}");
            assert!(!told.to_string().contains("money"), "{told}");
            let some = PayError::ended("p".to_owned(), Amount { value: 5, ..nothing() }, reason.to_owned());
            assert!(some.to_string().contains("after 0.05 MXN was sent"), "{some}");
        }
    }

    #[test]
    fn the_least_amount_is_reported_if_it_is_known() {
        let error = AdminError::Refused {
            code: ErrorCode::BadUserInput,
            message: "non-positive receive amount".to_owned(),
            details: Some(json!({"minSendAmount": {"value": "103", "assetCode": "USD", "assetScale": 2}})),
        };
        let told = PayError::preparing(error, "https://h/a").to_string();
        assert_eq!(told, "the amount is too small: nothing would arrive; send at least 1.03 USD");
    }
}
