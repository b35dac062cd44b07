//! What a caller writes in the transaction of a use case: the result of its idempotency key.
//!
//! How a result is stored is in `idempotency`.

use std::fmt;

use payments_model::OutgoingPaymentId;
use payments_store::Unit;

type WriteResult<'a> = dyn Fn(&Unit, OutgoingPaymentId) + Send + Sync + 'a;

/// What is written together with a change of an outgoing payment.
#[derive(Clone, Copy)]
pub struct Beside<'a>(Option<&'a WriteResult<'a>>);

impl<'a> Beside<'a> {
    /// Nothing more.
    pub const fn nothing() -> Self {
        Self(None)
    }

    /// What `write` adds to the unit.
    pub const fn result(write: &'a WriteResult<'a>) -> Self {
        Self(Some(write))
    }

    pub(crate) fn write(self, unit: &Unit, payment: OutgoingPaymentId) {
        if let Some(write) = self.0 {
            write(unit, payment);
        }
    }
}

impl fmt::Debug for Beside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").field("writes", &self.0.is_some()).finish()
    }
}
