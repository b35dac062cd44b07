//! An outgoing payment: its states and its transitions.
//!
//! It does not send: the steps of an attempt are decided in `sending`. Amounts, asset and receiver are those of its
//! quote. The amount debited so far is the posted debit total of its ledger account.

use clock::Timestamp;
use serde_json::Value;

use crate::delivery_record::DeliveryRecord;
use crate::incoming_payment::Metadata;
pub use crate::progress::Progress;
use crate::quote::Quote;
use crate::{InitiatedBy, OutgoingPaymentId, retry};

/// The longest failure text that is kept, in characters. A receiver may send as much text as fits into a packet.
pub const LONGEST_ERROR: usize = 1000;

/// A payment made from a quote.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingPayment {
    /// Its quote, with the amounts, the tenant and the wallet address.
    pub quote: Quote,
    /// The Open Payments client that created it.
    pub client: Option<String>,
    /// The grant it was created under, as introspection named it.
    pub grant_id: Option<String>,
    /// The metadata from the client. A cancellation adds its reasons.
    pub metadata: Option<Metadata>,
    /// The party that started it.
    pub initiated_by: InitiatedBy,
    /// The card flow that it belongs to.
    pub card: Option<CardDetails>,
    /// Its state.
    pub state: OutgoingState,
    /// What became of its packets, as the end of each attempt noted it. `None` before, and if nothing noted it.
    pub record: Option<DeliveryRecord>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The card request that an outgoing payment answers.
#[derive(Clone, Debug, PartialEq)]
pub struct CardDetails {
    /// The request at the point of sale.
    pub request_id: String,
    /// The card's signed data, opaque here.
    pub data: Value,
    /// When the card was presented.
    pub initiated_at: Timestamp,
}

/// Why a card payment failed, as its service names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardPaymentFailure {
    /// The card's signature is not valid.
    InvalidSignature,
    /// The card's request is malformed.
    InvalidRequest,
}

impl CardPaymentFailure {
    /// The name stored in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSignature => "invalid_signature",
            Self::InvalidRequest => "invalid_request",
        }
    }
}

/// The state of an outgoing payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingState {
    /// It waits for the payer's money.
    Funding,
    /// It is being delivered.
    Sending(Sending),
    /// It was delivered.
    Completed {
        /// The debited amount. It is kept here, because a withdrawal of the rest adds to the account's debits later.
        sent: u64,
    },
    /// It failed for good. A part may have been delivered.
    Failed {
        /// The reason, in at most [`LONGEST_ERROR`] characters.
        error: String,
        /// The amount that was debited nevertheless.
        sent: u64,
    },
    /// It was cancelled before it was funded. The reasons are in its metadata.
    Cancelled,
}

/// A payment that is being delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// Failed attempts so far.
    pub attempts: u32,
    /// The reason of the last failure.
    pub last_failure: Option<String>,
    /// The sender's data for the receiver.
    pub data_to_transmit: Option<String>,
    /// Its progress.
    pub progress: Progress,
}

impl OutgoingState {
    /// The name used in the database and in the Admin API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Funding => "FUNDING",
            Self::Sending(_) => "SENDING",
            Self::Completed { .. } => "COMPLETED",
            Self::Failed { .. } => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// Why a transition of an outgoing payment was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingRefused {
    /// The payment is in another state than the transition starts from.
    #[error("wrong state")]
    WrongState,
    /// The amount is not its debit amount.
    #[error("invalid amount")]
    InvalidAmount,
}

/// Why a payment cannot be delivered, independently of the receiver. The names are stored as its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifecycleError {
    /// The quote was too old at the first attempt.
    #[error("QuoteExpired")]
    QuoteExpired,
    /// The payment was marked as funded but has no ledger account.
    #[error("MissingBalance")]
    MissingBalance,
    /// The wallet address changed its asset.
    #[error("SourceAssetConflict")]
    SourceAssetConflict,
    /// The receiver's asset is not the quoted one.
    #[error("DestinationAssetConflict")]
    DestinationAssetConflict,
    /// Not everything is delivered and no money is left, or the quote does not fit the receiver.
    #[error("BadState")]
    BadState,
    /// The receiver can no longer be paid, and was not paid in full.
    #[error("ReceiverUnavailable")]
    ReceiverUnavailable,
    /// The receiver was closed, or paid by others, before any money of this payment arrived.
    #[error("ReceiverClosed")]
    ReceiverClosed,
}

impl From<LifecycleError> for AttemptFailure {
    fn from(error: LifecycleError) -> Self {
        Self::fatal(error.to_string())
    }
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFailure {
    /// The description of the failure.
    pub description: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
}

impl AttemptFailure {
    /// A failure after which another attempt may succeed.
    pub fn retryable(description: impl Into<String>) -> Self {
        Self { description: description.into(), retryable: true }
    }

    /// A failure after which no other attempt can succeed.
    pub fn fatal(description: impl Into<String>) -> Self {
        Self { description: description.into(), retryable: false }
    }
}

impl OutgoingPayment {
    /// Its id: that of its quote.
    pub fn id(&self) -> OutgoingPaymentId {
        self.quote.id.into()
    }

    /// The whole debited amount, when no more will be debited. Before that, only the ledger knows it.
    pub fn sent(&self) -> Option<u64> {
        match self.state {
            OutgoingState::Completed { sent } | OutgoingState::Failed { sent, .. } => Some(sent),
            OutgoingState::Cancelled => Some(0),
            OutgoingState::Funding | OutgoingState::Sending(_) => None,
        }
    }

    /// The number of failed attempts in the present state.
    pub fn state_attempts(&self) -> u32 {
        match &self.state {
            OutgoingState::Sending(sending) => sending.attempts,
            _ => 0,
        }
    }

    /// Whether clients see it as failed.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, OutgoingState::Failed { .. } | OutgoingState::Cancelled)
    }

    /// The reason of the failure. While it is tried again, the reason of the last attempt.
    pub fn error(&self) -> Option<&str> {
        match &self.state {
            OutgoingState::Failed { error, .. } => Some(error),
            OutgoingState::Sending(sending) => sending.last_failure.as_deref(),
            _ => None,
        }
    }

    /// Checks that `amount` may fund it, before any money moves.
    pub fn require_fundable(&self, amount: u64) -> Result<(), OutgoingRefused> {
        if self.state != OutgoingState::Funding {
            return Err(OutgoingRefused::WrongState);
        }
        if amount != self.quote.debit_amount {
            return Err(OutgoingRefused::InvalidAmount);
        }
        Ok(())
    }

    /// Funds it: the payer's money has arrived.
    pub fn fund(
        mut self,
        amount: u64,
        data_to_transmit: Option<String>,
        now: Timestamp,
    ) -> Result<Self, OutgoingRefused> {
        self.require_fundable(amount)?;
        self.enter(OutgoingState::Sending(Sending { data_to_transmit, ..Sending::default() }), now);
        Ok(self)
    }

    /// Completes it: it was delivered, and `sent` was debited for it.
    pub fn complete(mut self, sent: u64, now: Timestamp) -> Result<Self, OutgoingRefused> {
        self.require_sending()?;
        self.enter(OutgoingState::Completed { sent }, now);
        Ok(self)
    }

    /// Records a failed attempt, after `sent` had been debited in all. The payment stays `SENDING` if another attempt
    /// may help and is allowed. Otherwise it is `FAILED`.
    pub fn attempt_failed(
        mut self,
        failure: AttemptFailure,
        max_attempts: u32,
        sent: u64,
        now: Timestamp,
    ) -> Result<Self, OutgoingRefused> {
        let attempts = self.require_sending()?.attempts.saturating_add(1);
        let error: String = failure.description.trim().chars().filter(|c| *c != '\0').take(LONGEST_ERROR).collect();
        if failure.retryable && attempts < max_attempts {
            if let OutgoingState::Sending(sending) = &mut self.state {
                sending.attempts = attempts;
                sending.last_failure = Some(error);
            }
            self.updated_at = now;
        } else {
            self.enter(OutgoingState::Failed { error, sent }, now);
        }
        Ok(self)
    }

    /// Records its progress.
    pub fn with_progress(mut self, progress: Progress) -> Result<Self, OutgoingRefused> {
        match &mut self.state {
            OutgoingState::Sending(sending) => sending.progress = progress,
            _ => return Err(OutgoingRefused::WrongState),
        }
        Ok(self)
    }

    /// Adds the record of an attempt, after which `delivered` has arrived in all.
    #[must_use]
    pub fn with_record(mut self, attempt: &DeliveryRecord, delivered: u64) -> Self {
        self.record = Some(self.record.unwrap_or_default().with(attempt).delivered(delivered));
        self
    }

    /// Fails it, because it was not funded before its quote expired.
    pub fn expire_unfunded(mut self, now: Timestamp) -> Result<Self, OutgoingRefused> {
        if self.state != OutgoingState::Funding || !self.quote.is_expired(now) {
            return Err(OutgoingRefused::WrongState);
        }
        self.enter(OutgoingState::Failed { error: LifecycleError::QuoteExpired.to_string(), sent: 0 }, now);
        Ok(self)
    }

    /// Cancels it before it is funded.
    pub fn cancel(
        mut self,
        reason: Option<String>,
        card_failure: Option<CardPaymentFailure>,
        now: Timestamp,
    ) -> Result<Self, OutgoingRefused> {
        if self.state != OutgoingState::Funding {
            return Err(OutgoingRefused::WrongState);
        }
        let mut add = |key: &str, value: String| {
            self.metadata.get_or_insert_default().insert(key.to_owned(), Value::String(value));
        };
        if let Some(reason) = reason {
            add("cancellationReason", reason);
        }
        if let Some(failure) = card_failure {
            add("cardPaymentFailureReason", failure.as_str().to_owned());
        }
        self.enter(OutgoingState::Cancelled, now);
        Ok(self)
    }

    /// The payment under way.
    pub fn require_sending(&self) -> Result<&Sending, OutgoingRefused> {
        match &self.state {
            OutgoingState::Sending(sending) => Ok(sending),
            _ => Err(OutgoingRefused::WrongState),
        }
    }

    /// When the next attempt is due; `None` if none will be made.
    pub fn next_attempt_at(&self) -> Option<Timestamp> {
        match &self.state {
            OutgoingState::Sending(sending) => Some(self.updated_at + retry::pause_after(sending.attempts)),
            _ => None,
        }
    }

    fn enter(&mut self, state: OutgoingState, now: Timestamp) {
        self.state = state;
        self.updated_at = now;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::quote::QuoteMethod;
    use money::{AssetAmount, Ratio};
    use std::time::Duration;
    use uuid::Uuid;

    pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    pub(crate) fn payment(state: OutgoingState) -> OutgoingPayment {
        let asset = crate::asset::tests::usd().asset;
        let quote = Quote {
            id: Uuid::from_u128(1).into(),
            tenant_id: Uuid::from_u128(2).into(),
            wallet_address_id: Uuid::from_u128(3).into(),
            asset: crate::asset::tests::usd(),
            receiver: "https://x.example/incoming-payments/a1b2c3d4-0000-4000-8000-000000000001".into(),
            debit_amount: 103,
            debit_amount_minus_fees: 100,
            receive_amount: AssetAmount { value: 100, asset },
            estimated_rate: Ratio::ONE,
            fee_id: None,
            client: None,
            method: QuoteMethod::Local,
            expires_at: NOW + Duration::from_mins(5),
            created_at: NOW,
        };
        OutgoingPayment {
            quote,
            client: None,
            grant_id: None,
            metadata: None,
            initiated_by: InitiatedBy::Admin,
            card: None,
            state,
            record: None,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn sending(attempts: u32) -> OutgoingState {
        OutgoingState::Sending(Sending { attempts, ..Sending::default() })
    }

    #[test]
    fn every_state_answers_every_transition_as_the_table_says() {
        use OutgoingRefused::WrongState;
        type Reached = Result<&'static str, OutgoingRefused>;
        let failed = || OutgoingState::Failed { error: "x".into(), sent: 0 };
        // From, funded, completed, failed for good, failed for now, cancelled.
        let no: Reached = Err(WrongState);
        let table: [(OutgoingState, Reached, Reached, Reached, Reached, Reached); 5] = [
            (OutgoingState::Funding, Ok("SENDING"), no, no, no, Ok("CANCELLED")),
            (sending(0), no, Ok("COMPLETED"), Ok("FAILED"), Ok("SENDING"), no),
            (OutgoingState::Completed { sent: 0 }, no, no, no, no, no),
            (failed(), no, no, no, no, no),
            (OutgoingState::Cancelled, no, no, no, no, no),
        ];
        for (from, funded, completed, fatal, retryable, cancelled) in table {
            let start = || payment(from.clone());
            let reached = |p: Result<OutgoingPayment, _>| p.map(|p| p.state.as_str());
            assert_eq!(reached(start().fund(103, None, NOW)), funded, "{from:?}");
            assert_eq!(reached(start().complete(0, NOW)), completed, "{from:?}");
            assert_eq!(reached(start().attempt_failed(AttemptFailure::fatal("x"), 5, 0, NOW)), fatal, "{from:?}");
            assert_eq!(
                reached(start().attempt_failed(AttemptFailure::retryable("x"), 5, 0, NOW)),
                retryable,
                "{from:?}"
            );
            assert_eq!(reached(start().cancel(None, None, NOW)), cancelled, "{from:?}");
        }
    }

    #[test]
    fn only_exactly_the_debit_amount_funds_a_payment() {
        for amount in [0, 102, 104] {
            let refused = payment(OutgoingState::Funding).fund(amount, None, NOW);
            assert_eq!(refused, Err(OutgoingRefused::InvalidAmount));
        }
    }

    #[test]
    fn the_fifth_failure_of_five_tries_is_the_last() {
        let mut payment = payment(sending(0));
        for attempts in 1..5 {
            payment = payment.attempt_failed(AttemptFailure::retryable("IdleTimeout"), 5, 0, NOW).unwrap();
            assert_eq!(payment.state_attempts(), attempts);
            assert_eq!(payment.error(), Some("IdleTimeout"), "what is tried again says why");
            assert_eq!(payment.next_attempt_at(), Some(NOW + Duration::from_secs(10 * u64::from(attempts))));
        }
        payment = payment.attempt_failed(AttemptFailure::retryable("IdleTimeout"), 5, 0, NOW).unwrap();
        assert_eq!(payment.error(), Some("IdleTimeout"));
        assert_eq!(payment.next_attempt_at(), None);
    }

    #[test]
    fn a_long_reason_is_cut_so_that_noting_it_cannot_fail() {
        // A receiver may also send a U+0000, which Postgres cannot store.
        let failure = AttemptFailure::fatal(format!("\0{}", "é".repeat(40_000)));
        let failed = payment(sending(0)).attempt_failed(failure, 5, 0, NOW).unwrap();
        assert_eq!(failed.error(), Some("é".repeat(LONGEST_ERROR).as_str()));
    }

    #[test]
    fn cancellation_adds_its_reasons_to_the_metadata() {
        let cancelled = payment(OutgoingState::Funding)
            .cancel(Some("late".into()), Some(CardPaymentFailure::InvalidSignature), NOW)
            .unwrap();
        let metadata = Value::Object(cancelled.metadata.unwrap());
        let expected =
            serde_json::json!({"cancellationReason": "late", "cardPaymentFailureReason": "invalid_signature"});
        assert_eq!(metadata, expected);
    }

    #[test]
    fn an_unfunded_payment_fails_with_its_quote_and_not_before() {
        let early = payment(OutgoingState::Funding).expire_unfunded(NOW);
        assert_eq!(early, Err(OutgoingRefused::WrongState));
        let late = NOW + Duration::from_mins(5);
        let expired = payment(OutgoingState::Funding).expire_unfunded(late).unwrap();
        assert_eq!((expired.state.as_str(), expired.error()), ("FAILED", Some("QuoteExpired")));
        assert_eq!(payment(sending(0)).expire_unfunded(late), Err(OutgoingRefused::WrongState));
    }

    #[test]
    fn a_funded_payment_is_due_at_once() {
        assert_eq!(payment(sending(0)).next_attempt_at(), Some(NOW));
        assert_eq!(payment(OutgoingState::Funding).next_attempt_at(), None);
    }
}
