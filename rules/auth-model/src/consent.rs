//! Which rights need the owner's consent.
//! How the owner is asked is in `interaction`.

use gnap::{AccessItem, AccessType, Action};

/// The rights that are never granted without the owner's consent, beyond outgoing payments and subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsentPolicy {
    /// `INCOMING_PAYMENT_INTERACTION`: incoming-payment items need consent.
    pub incoming_payment: bool,
    /// `QUOTE_INTERACTION`: quote items need consent.
    pub quote: bool,
    /// `LIST_ALL_ACCESS_INTERACTION`: items with `list-all` need consent.
    pub list_all: bool,
}

impl Default for ConsentPolicy {
    fn default() -> Self {
        Self { incoming_payment: false, quote: false, list_all: true }
    }
}

impl ConsentPolicy {
    /// Whether this item needs the owner's consent.
    pub fn requires_consent(self, item: &AccessItem) -> bool {
        match item.kind() {
            AccessType::OutgoingPayment => true,
            AccessType::IncomingPayment => self.incoming_payment || self.list_all_matters(item),
            AccessType::Quote => self.quote || self.list_all_matters(item),
        }
    }

    fn list_all_matters(self, item: &AccessItem) -> bool {
        self.list_all && item.actions().contains(Action::ListAll)
    }
}
