//! What the ledger says of a packet that was here before.

use clock::Timestamp;
use ledger::{AccountId, Transfer, TransferState};
use payments_model::accounting::Movement;

/// The transfers of a packet.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// How many holds of the packet ran out before this one.
    pub(crate) generation: u64,
    legs: Vec<Transfer>,
}

/// How they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Credited to a local account.
    Credited,
    /// Held for a peer, undecided.
    Held,
    /// Held for a peer and posted.
    Posted,
    /// Given back, because the packet was certainly not paid.
    GivenBack,
    /// Held until the time was over, undecided.
    Lapsed,
}

impl Recorded {
    /// The record of these legs; `None` if there are none.
    pub(crate) fn of(generation: u64, legs: Vec<Transfer>) -> Option<Self> {
        (!legs.is_empty()).then_some(Self { generation, legs })
    }

    /// How the packet stands. Its legs stand alike, for they are settled together.
    pub(crate) fn standing(&self) -> Standing {
        match self.legs.first().map(|leg| leg.state) {
            Some(TransferState::Single) => Standing::Credited,
            Some(TransferState::Pending) => Standing::Held,
            Some(TransferState::Posted) => Standing::Posted,
            Some(TransferState::Voided) | None => Standing::GivenBack,
            Some(TransferState::Expired) => Standing::Lapsed,
        }
    }

    /// Since when it stands in the ledger.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.legs.first().map(|leg| leg.timestamp)
    }

    /// What was given to `account`.
    pub(crate) fn given_to(&self, account: AccountId) -> u128 {
        self.legs.iter().filter(|leg| leg.created.credit_account_id == account).map(|leg| leg.created.amount).sum()
    }

    /// The accounts that were given something.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = AccountId> {
        self.legs.iter().map(|leg| leg.created.credit_account_id)
    }

    /// The movement, to be settled.
    pub(crate) fn into_movement(self) -> Movement {
        Movement::of_recorded(self.legs.into_iter().map(|leg| leg.created).collect())
    }
}
