//! Why a quote or payment ended, in the names the reference stores and shows, and one of our own. No RFC has them; the classes of ILP errors
//! behind them are those of RFC 27.

/// The end of a quote or payment that did not succeed. The text of a variant is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PaymentError {
    /// The amount to send is not above zero, or cannot be quoted.
    #[error("InvalidSourceAmount")]
    InvalidSourceAmount,
    /// The amount to deliver is not above zero, or cannot be quoted.
    #[error("InvalidDestinationAmount")]
    InvalidDestinationAmount,
    /// A fixed delivery needs a minimum rate above zero.
    #[error("UnenforceableDelivery")]
    UnenforceableDelivery,
    /// The quote cannot be paid.
    #[error("InvalidQuote")]
    InvalidQuote,
    /// No price is known for the pair of assets.
    #[error("ExternalRateUnavailable")]
    ExternalRateUnavailable,
    /// A node on the path refused for good.
    #[error("ConnectorError")]
    ConnectorError,
    /// The receiver has not answered at all.
    #[error("EstablishmentFailed")]
    EstablishmentFailed,
    /// The receiver has answered without naming its asset.
    #[error("UnknownDestinationAsset")]
    UnknownDestinationAsset,
    /// The receiver named another asset than expected.
    #[error("DestinationAssetConflict")]
    DestinationAssetConflict,
    /// The path's rate could not be found out in time.
    #[error("RateProbeFailed")]
    RateProbeFailed,
    /// The path delivers less than the minimum rate.
    #[error("InsufficientExchangeRate")]
    InsufficientExchangeRate,
    /// What is left to send is worth nothing at the receiver, so the rest cannot be delivered. The reference has no such
    /// name: it tries until its attempts are used up.
    #[error("RemainderWorthless")]
    RemainderWorthless,
    /// Nothing was fulfilled for too long.
    #[error("IdleTimeout")]
    IdleTimeout,
    /// The receiver closed the connection or the stream.
    #[error("ClosedByReceiver")]
    ClosedByReceiver,
    /// The receiver takes less than the payment has to deliver.
    #[error("IncompatibleReceiveMax")]
    IncompatibleReceiveMax,
    /// The receiver fulfilled but did not say, or not enough, what arrived.
    #[error("ReceiverProtocolViolation")]
    ReceiverProtocolViolation,
    /// The connection has sent all the packets its key may encrypt.
    #[error("MaxSafeEncryptionLimit")]
    MaxSafeEncryptionLimit,
    /// The receiving application refused.
    #[error("ApplicationError")]
    ApplicationError,
}

impl PaymentError {
    /// Whether another attempt may succeed.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::ConnectorError
                | Self::EstablishmentFailed
                | Self::InsufficientExchangeRate
                | Self::RateProbeFailed
                | Self::IdleTimeout
                | Self::ClosedByReceiver
        )
    }
}
