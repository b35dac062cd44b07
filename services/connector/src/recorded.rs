//! The ledger's record of a packet that was seen before.
//! Packets that are still under way are in `in_flight`.

use clock::Timestamp;
use ledger::{AccountId, Transfer, TransferState};
use payments_model::accounting::Movement;

/// The transfers of a packet.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// How many earlier holds of the packet timed out.
    pub(crate) generation: u64,
    legs: Vec<Transfer>,
}

/// The state of a packet's transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Credited to a local account.
    Credited,
    /// Held for a peer, undecided.
    Held,
    /// Held for a peer and posted.
    Posted,
    /// Released, because the packet was not paid.
    GivenBack,
    /// Timed out before the outcome was known.
    Lapsed,
}

impl Recorded {
    /// The record of these transfers; `None` if there are none.
    pub(crate) fn of(generation: u64, legs: Vec<Transfer>) -> Option<Self> {
        (!legs.is_empty()).then_some(Self { generation, legs })
    }

    /// The state of the packet. All its transfers have the same state, because they are settled together.
    pub(crate) fn standing(&self) -> Standing {
        match self.legs.first().map(|leg| leg.state) {
            Some(TransferState::Single) => Standing::Credited,
            Some(TransferState::Pending) => Standing::Held,
            Some(TransferState::Posted) => Standing::Posted,
            Some(TransferState::Voided) | None => Standing::GivenBack,
            Some(TransferState::Expired) => Standing::Lapsed,
        }
    }

    /// When its transfers were made.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.legs.first().map(|leg| leg.timestamp)
    }

    /// The amount credited to `account`.
    pub(crate) fn given_to(&self, account: AccountId) -> u128 {
        self.legs.iter().filter(|leg| leg.created.credit_account_id == account).map(|leg| leg.created.amount).sum()
    }

    /// The credited accounts.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = AccountId> {
        self.legs.iter().map(|leg| leg.created.credit_account_id)
    }

    /// The movement, to be settled.
    pub(crate) fn into_movement(self) -> Movement {
        Movement::of_recorded(self.legs.into_iter().map(|leg| leg.created).collect())
    }
}
