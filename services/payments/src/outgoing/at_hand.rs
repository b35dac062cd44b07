//! What one step of an outgoing payment leaves for the next step in the same process, so that it is not read again.
//!
//! Not a truth: a step that writes does so only if the row is still as it was at hand. What is missing here, because
//! another process made the step before or too many came in between, is read from the database.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use directory::Bounded;
use ledger::TransferId;
use payments_model::{OutgoingPayment, OutgoingPaymentId, Quote, QuoteId, TenantId};

use crate::outgoing::packet_list::Begun;

/// So many of each are surely kept.
const KEPT: usize = 8192;

/// A payment that waits for its money.
#[derive(Clone, Debug)]
pub(crate) struct Unfunded {
    pub(crate) payment: OutgoingPayment,
    /// The id that its deposit bears: that of the event which asked for it.
    pub(crate) deposit: TransferId,
}

/// A payment that was funded and is to be sent, as it was written.
pub(crate) struct Funded {
    pub(crate) payment: OutgoingPayment,
    /// The first packet, written down with the funds.
    pub(crate) begun: Option<Begun>,
}

/// Of this process.
pub(crate) struct AtHand {
    quotes: Slots<QuoteId, Quote>,
    unfunded: Slots<OutgoingPaymentId, Unfunded>,
    funded: Slots<OutgoingPaymentId, Funded>,
}

impl Default for AtHand {
    fn default() -> Self {
        Self { quotes: Slots::new(), unfunded: Slots::new(), funded: Slots::new() }
    }
}

impl AtHand {
    pub(crate) fn keep_quote(&self, quote: Quote) {
        self.quotes.put(quote.id, quote);
    }

    /// The quote of `tenant` with this id. Quotes do not change.
    pub(crate) fn take_quote(&self, tenant: TenantId, id: QuoteId) -> Option<Quote> {
        self.quotes.take(id).filter(|quote| quote.tenant_id == tenant)
    }

    pub(crate) fn keep_unfunded(&self, unfunded: Unfunded) {
        self.unfunded.put(unfunded.payment.id(), unfunded);
    }

    pub(crate) fn take_unfunded(&self, tenant: TenantId, id: OutgoingPaymentId) -> Option<Unfunded> {
        self.unfunded.take(id).filter(|unfunded| unfunded.payment.quote.tenant_id == tenant)
    }

    pub(crate) fn keep_funded(&self, funded: Funded) {
        self.funded.put(funded.payment.id(), funded);
    }

    pub(crate) fn take_funded(&self, id: OutgoingPaymentId) -> Option<Funded> {
        self.funded.take(id)
    }
}

/// Values that are taken once.
struct Slots<K, V>(Mutex<Bounded<K, V>>);

impl<K: Eq + Hash, V> Slots<K, V> {
    fn new() -> Self {
        Self(Mutex::new(Bounded::new(KEPT)))
    }

    fn put(&self, key: K, value: V) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, value);
    }

    fn take(&self, key: K) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(&key)
    }
}
