//! Data that one step of an outgoing payment leaves for the next step in the same process, so that it is not read
//! again.
//!
//! The data may be old. A step writes only if the row is still equal to this copy. If there is no copy, the row is read
//! from the database.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use directory::Bounded;
use ledger::TransferId;
use payments_model::{OutgoingPayment, OutgoingPaymentId, Quote, QuoteId, TenantId};

use crate::outgoing::packet_list::Begun;

/// How many values of each kind are kept in any case.
const KEPT: usize = 8192;

/// A payment that waits for its deposit.
#[derive(Clone, Debug)]
pub(crate) struct Unfunded {
    pub(crate) payment: OutgoingPayment,
    /// The id of its deposit, which is the id of the event that asked for it.
    pub(crate) deposit: TransferId,
}

/// A funded payment that is to be sent, as it was written.
pub(crate) struct Funded {
    pub(crate) payment: OutgoingPayment,
    /// The first packet, written in the same transaction as the funding.
    pub(crate) begun: Option<Begun>,
}

/// The copies of this process.
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

    /// The quote of `tenant` with this id. Quotes never change.
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

/// Values that can be taken once.
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
