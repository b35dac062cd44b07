//! An incoming payment, expected or received: its states and its transitions.
//!
//! It does not hold the received amount: that is the posted credit total of the payment's ledger account.

use clock::Timestamp;
use serde_json::{Map, Value};

use crate::expectation::Expectation;
use crate::{IncomingPaymentId, InitiatedBy, TenantAsset, TenantId, WalletAddressId};

/// Free-form data that a client attaches to a payment.
pub type Metadata = Map<String, Value>;

/// A payment expected or received at a wallet address.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingPayment {
    /// Its id, which is also the id of its ledger account.
    pub id: IncomingPaymentId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// The wallet address that is paid.
    pub wallet_address_id: WalletAddressId,
    /// The asset of the wallet address when the payment was created.
    pub asset: TenantAsset,
    /// The expected amount; `None` means any amount.
    pub incoming_amount: Option<u64>,
    /// When it stops accepting money.
    pub expires_at: Timestamp,
    /// The Open Payments client that created it.
    pub client: Option<String>,
    /// The metadata from the client.
    pub metadata: Option<Metadata>,
    /// The party that started it.
    pub initiated_by: InitiatedBy,
    /// The payer's wallet address from a card flow. It is only informative.
    pub sender_wallet_address: Option<String>,
    /// The decision of the account-servicing entity, if there is one.
    pub decision: Option<Decision>,
    /// Its state.
    pub state: IncomingState,
    /// The amount that the event of its end announced for withdrawal.
    pub announced_amount: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The state of an incoming payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncomingState {
    /// Nothing was credited yet.
    Pending,
    /// Something was credited, and more may be.
    Processing,
    /// Nothing more is expected.
    Completed,
    /// It has expired.
    Expired {
        /// Set if it expired without any received money. It then counts as deleted since that instant.
        deleted_at: Option<Timestamp>,
    },
}

impl IncomingState {
    /// The name used in the database and in the Admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Completed => "COMPLETED",
            Self::Expired { .. } => "EXPIRED",
        }
    }
}

/// The decision of the account-servicing entity about a payment. It is never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may be paid.
    Approved {
        /// The time of the decision.
        at: Timestamp,
    },
    /// It must not be paid.
    Cancelled {
        /// The time of the decision.
        at: Timestamp,
        /// The reason, as text from the entity.
        reason: Option<String>,
    },
}

/// Why a transition of an incoming payment was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncomingRefused {
    /// The payment is in another state than the transition starts from.
    #[error("wrong state")]
    WrongState,
    /// The opposite decision was already made.
    #[error("action already performed")]
    AlreadyActioned,
}

/// Whether payments wait for the decision of the account-servicing entity before they take money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approval {
    /// They do not wait.
    #[default]
    NotAsked,
    /// They take money once they are approved.
    Required,
}

/// Why an incoming payment refuses money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreditRefused {
    /// It is completed or expired.
    #[error("destination account is in an incorrect state")]
    Ended,
    /// It has expired, although that is not stored yet.
    #[error("the incoming payment has expired")]
    PastExpiry,
    /// The account-servicing entity cancelled it.
    #[error("the incoming payment was cancelled")]
    Cancelled,
    /// The account-servicing entity must approve it first.
    #[error("the incoming payment is not approved")]
    NotApproved,
}

impl IncomingPayment {
    /// Whether it is completed.
    pub fn is_completed(&self) -> bool {
        self.state == IncomingState::Completed
    }

    /// Whether its state allows it to take more money.
    pub fn is_open(&self) -> bool {
        matches!(self.state, IncomingState::Pending | IncomingState::Processing)
    }

    /// The time since which it counts as deleted, because it expired without any received money.
    pub fn deleted_at(&self) -> Option<Timestamp> {
        match self.state {
            IncomingState::Expired { deleted_at } => deleted_at,
            _ => None,
        }
    }

    /// Whether its row allows it to take money. The ledger knows how much it may still take.
    pub fn takes_money(&self, approval: Approval, now: Timestamp) -> Result<(), CreditRefused> {
        if !self.is_open() {
            return Err(CreditRefused::Ended);
        }
        if now >= self.expires_at {
            return Err(CreditRefused::PastExpiry);
        }
        match (&self.decision, approval) {
            (Some(Decision::Cancelled { .. }), _) => Err(CreditRefused::Cancelled),
            (None, Approval::Required) => Err(CreditRefused::NotApproved),
            (Some(Decision::Approved { .. }), _) | (None, Approval::NotAsked) => Ok(()),
        }
    }

    /// Whether a posted total of `total` is the whole expected amount.
    pub fn is_paid_by(&self, total: u64) -> bool {
        self.incoming_amount.is_some_and(|expected| expected <= total)
    }

    /// The amount that it may still take, as the ledger holds it.
    pub fn expectation(&self) -> Expectation {
        Expectation::new(self.asset.in_ledger(), self.id)
    }

    /// Its state after a credit, with the posted total.
    ///
    /// An ended payment stays ended. Nothing is credited after the end. Older versions may have credited more; then
    /// only the total is noted.
    pub fn credited(mut self, total: u64, now: Timestamp) -> Self {
        if total > 0 && self.deleted_at().is_some() {
            self.enter(IncomingState::Expired { deleted_at: None }, now);
        }
        if self.is_open() && total > 0 {
            let next = if self.is_paid_by(total) { IncomingState::Completed } else { IncomingState::Processing };
            self.enter(next, now);
        }
        self
    }

    /// Completes it, because no more money is expected. A cancelled payment stays cancelled.
    pub fn complete(mut self, now: Timestamp) -> Result<Self, IncomingRefused> {
        if !self.is_open() || matches!(self.decision, Some(Decision::Cancelled { .. })) {
            return Err(IncomingRefused::WrongState);
        }
        self.enter(IncomingState::Completed, now);
        Ok(self)
    }

    /// Expires it, with the posted total.
    ///
    /// A fully paid payment completes instead: the credit was made, and only its recording was interrupted.
    pub fn expire(self, total: u64, now: Timestamp) -> Result<Self, IncomingRefused> {
        if !self.is_open() || now < self.expires_at {
            return Err(IncomingRefused::WrongState);
        }
        let mut noted = self.credited(total, now);
        if noted.is_open() {
            noted.enter(IncomingState::Expired { deleted_at: (total == 0).then_some(now) }, now);
        }
        Ok(noted)
    }

    /// Announces the amount that was received and not announced yet, once it has ended. An amount of 0 is not
    /// announced.
    pub fn announce(&mut self, total: u64) -> u64 {
        if self.is_open() {
            return 0;
        }
        let unannounced = total.saturating_sub(self.announced_amount);
        self.announced_amount += unannounced;
        unannounced
    }

    /// What has arrived once it has ended, as it was announced, and what is expected before; `None` means any amount.
    pub fn settled_or_expected(&self) -> Option<u64> {
        match self.state {
            IncomingState::Pending | IncomingState::Processing => self.incoming_amount,
            // Between the end and its announcement, what was expected is the best that the row knows.
            IncomingState::Completed if self.announced_amount == 0 => self.incoming_amount,
            IncomingState::Completed | IncomingState::Expired { .. } => Some(self.announced_amount),
        }
    }

    /// The account-servicing entity approves it. A repetition changes nothing.
    pub fn approve(mut self, now: Timestamp) -> Result<Self, IncomingRefused> {
        self.decidable()?;
        match self.decision {
            Some(Decision::Cancelled { .. }) => return Err(IncomingRefused::AlreadyActioned),
            Some(Decision::Approved { .. }) => {}
            None => {
                self.decision = Some(Decision::Approved { at: now });
                self.updated_at = now;
            }
        }
        Ok(self)
    }

    /// The account-servicing entity cancels it. A repetition changes nothing.
    pub fn cancel(mut self, reason: Option<String>, now: Timestamp) -> Result<Self, IncomingRefused> {
        self.decidable()?;
        match self.decision {
            Some(Decision::Approved { .. }) => return Err(IncomingRefused::AlreadyActioned),
            Some(Decision::Cancelled { .. }) => {}
            None => {
                self.decision = Some(Decision::Cancelled { at: now, reason });
                self.updated_at = now;
            }
        }
        Ok(self)
    }

    fn decidable(&self) -> Result<(), IncomingRefused> {
        if self.state == IncomingState::Pending { Ok(()) } else { Err(IncomingRefused::WrongState) }
    }

    fn enter(&mut self, state: IncomingState, now: Timestamp) {
        self.state = state;
        self.updated_at = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use uuid::Uuid;

    const START: Timestamp = Timestamp::from_millis(1_000_000);
    const EXPIRY: Timestamp = Timestamp::from_millis(2_000_000);
    const STATES: [IncomingState; 4] = [
        IncomingState::Pending,
        IncomingState::Processing,
        IncomingState::Completed,
        IncomingState::Expired { deleted_at: None },
    ];

    fn payment(state: IncomingState, incoming_amount: Option<u64>) -> IncomingPayment {
        IncomingPayment {
            id: Uuid::from_u128(1).into(),
            tenant_id: Uuid::from_u128(2).into(),
            wallet_address_id: Uuid::from_u128(3).into(),
            asset: crate::asset::tests::usd(),
            incoming_amount,
            expires_at: EXPIRY,
            client: None,
            metadata: None,
            initiated_by: InitiatedBy::Admin,
            sender_wallet_address: None,
            decision: None,
            state,
            announced_amount: 0,
            created_at: START,
            updated_at: START,
        }
    }

    #[test]
    fn every_state_answers_every_transition_as_the_table_says() {
        use IncomingRefused::WrongState;
        type Reached = Result<&'static str, IncomingRefused>;
        // From, after a part of 100 was credited, after all of it, completed, expired unpaid, approved.
        let table: [(IncomingState, &str, &str, Reached, Reached, Reached); 4] = [
            (STATES[0], "PROCESSING", "COMPLETED", Ok("COMPLETED"), Ok("EXPIRED"), Ok("PENDING")),
            (STATES[1], "PROCESSING", "COMPLETED", Ok("COMPLETED"), Ok("EXPIRED"), Err(WrongState)),
            (STATES[2], "COMPLETED", "COMPLETED", Err(WrongState), Err(WrongState), Err(WrongState)),
            (STATES[3], "EXPIRED", "EXPIRED", Err(WrongState), Err(WrongState), Err(WrongState)),
        ];
        for (from, part, all, completed, expired, approved) in table {
            let start = || payment(from, Some(100));
            let reached = |p: Result<IncomingPayment, _>| p.map(|p| p.state.as_str());
            assert_eq!(start().credited(99, START).state.as_str(), part, "{from:?}");
            assert_eq!(start().credited(100, START).state.as_str(), all, "{from:?}");
            assert_eq!(reached(start().complete(START)), completed, "{from:?}");
            assert_eq!(reached(start().expire(0, EXPIRY)), expired, "{from:?}");
            assert_eq!(reached(start().approve(START)), approved, "{from:?}");
            assert_eq!(reached(start().cancel(None, START)), approved, "{from:?}");
        }
    }

    #[test]
    fn the_amount_of_a_payment_is_what_it_expects_and_what_has_arrived_once_it_has_ended() {
        let amount = |state, expected, announced| {
            IncomingPayment { announced_amount: announced, ..payment(state, expected) }.settled_or_expected()
        };
        assert_eq!(amount(STATES[0], Some(100), 0), Some(100));
        assert_eq!(amount(STATES[1], None, 0), None);
        assert_eq!(amount(STATES[2], Some(100), 0), Some(100));
        assert_eq!(amount(STATES[2], Some(100), 70), Some(70));
        assert_eq!(amount(STATES[3], Some(100), 30), Some(30));
        assert_eq!(amount(STATES[3], Some(100), 0), Some(0));
    }

    #[test]
    fn an_unpaid_payment_expires_into_oblivion_and_a_partly_paid_one_does_not() {
        let unpaid = payment(IncomingState::Pending, None).expire(0, EXPIRY).unwrap();
        assert_eq!(unpaid.deleted_at(), Some(EXPIRY));
        let partly = payment(IncomingState::Processing, None).expire(1, EXPIRY).unwrap();
        assert_eq!(partly.state, IncomingState::Expired { deleted_at: None });
    }

    #[test]
    fn a_credit_that_raced_with_the_expiry_brings_the_payment_back() {
        let unpaid = payment(IncomingState::Pending, None).expire(0, EXPIRY).unwrap();
        assert_eq!(unpaid.credited(5, EXPIRY).state, IncomingState::Expired { deleted_at: None });
    }

    #[test]
    fn a_fully_paid_payment_found_at_its_expiry_is_completed() {
        let paid = payment(IncomingState::Pending, Some(100)).expire(100, EXPIRY).unwrap();
        assert!(paid.is_completed());
    }

    #[test]
    fn a_payment_does_not_expire_before_its_time() {
        let early = payment(IncomingState::Pending, None).expire(0, EXPIRY - Duration::from_millis(1));
        assert_eq!(early, Err(IncomingRefused::WrongState));
    }

    #[test]
    fn ended_cancelled_unapproved_and_late_payments_refuse_money() {
        for state in &STATES[2..] {
            let ended = payment(*state, None);
            assert_eq!(ended.takes_money(Approval::NotAsked, START), Err(CreditRefused::Ended));
        }
        let open = payment(IncomingState::Pending, None);
        assert_eq!(open.takes_money(Approval::NotAsked, START), Ok(()));
        assert_eq!(open.takes_money(Approval::Required, START), Err(CreditRefused::NotApproved));
        assert_eq!(open.takes_money(Approval::NotAsked, EXPIRY), Err(CreditRefused::PastExpiry));
        let approved = open.clone().approve(START).unwrap();
        assert_eq!(approved.takes_money(Approval::Required, START), Ok(()));
        let cancelled = open.cancel(Some("no".into()), START).unwrap();
        assert_eq!(cancelled.takes_money(Approval::NotAsked, START), Err(CreditRefused::Cancelled));
    }

    #[test]
    fn a_cancelled_payment_cannot_be_completed() {
        let cancelled = payment(IncomingState::Pending, None).cancel(None, START).unwrap();
        assert_eq!(cancelled.complete(START), Err(IncomingRefused::WrongState));
    }

    #[test]
    fn what_is_received_is_announced_once_and_only_after_the_end() {
        let mut payment = payment(IncomingState::Processing, None);
        assert_eq!(payment.announce(70), 0);
        let mut ended = payment.complete(START).unwrap();
        assert_eq!(ended.announce(70), 70);
        assert_eq!(ended.announce(70), 0);
        assert_eq!(ended.announce(75), 5);
    }

    #[test]
    fn a_decision_may_be_repeated_but_not_reversed() {
        let later = START + Duration::from_secs(1);
        let approved = payment(IncomingState::Pending, None).approve(START).unwrap();
        assert_eq!(approved.clone().approve(later), Ok(approved.clone()));
        assert_eq!(approved.cancel(None, later), Err(IncomingRefused::AlreadyActioned));
        let cancelled = payment(IncomingState::Pending, None).cancel(Some("no".into()), START).unwrap();
        assert_eq!(cancelled.clone().cancel(Some("other".into()), later), Ok(cancelled.clone()));
        assert_eq!(cancelled.approve(later), Err(IncomingRefused::AlreadyActioned));
    }
}
