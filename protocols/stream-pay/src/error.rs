//! Why a quote or a payment failed, under the names that Rafiki 2.4 stores and shows, and one name of our own.
//! ILP error codes are not here: they are in `ilp-packet` (RFC 27).

/// The reason why a quote or a payment did not succeed. The text of a variant is its name.
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
    /// A node on the path refused the packet with an error that is final.
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
    /// The path's rate could not be measured in time.
    #[error("RateProbeFailed")]
    RateProbeFailed,
    /// The path delivers less than the minimum rate.
    #[error("InsufficientExchangeRate")]
    InsufficientExchangeRate,
    /// The rest of the payment is worth nothing at the receiver, so it cannot be delivered. Rafiki 2.4 has no such
    /// name: it repeats the payment until its attempts are used up.
    #[error("RemainderWorthless")]
    RemainderWorthless,
    /// No packet was fulfilled for too long.
    #[error("IdleTimeout")]
    IdleTimeout,
    /// The receiver closed the connection or the stream.
    #[error("ClosedByReceiver")]
    ClosedByReceiver,
    /// The receiver accepts less than the payment has to deliver.
    #[error("IncompatibleReceiveMax")]
    IncompatibleReceiveMax,
    /// The receiver fulfilled a packet and did not state what arrived, or stated too little.
    #[error("ReceiverProtocolViolation")]
    ReceiverProtocolViolation,
    /// The connection has sent as many packets as its key may encrypt.
    #[error("MaxSafeEncryptionLimit")]
    MaxSafeEncryptionLimit,
    /// The receiving application refused.
    #[error("ApplicationError")]
    ApplicationError,
    /// The sender was told to stop. Rafiki 2.4 has no such name, because it does not stop payments.
    #[error("Stopped")]
    Stopped,
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
