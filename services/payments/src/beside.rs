//! What a caller writes in the transaction of a use case: the result of its idempotency key.
//!
//! How a result is stored is in `idempotency`.

use std::fmt;

use payments_model::OutgoingPaymentId;
use payments_store::Unit;

type WriteResult<'a, I> = dyn Fn(&Unit, I) + Send + Sync + 'a;

/// What is written together with a change of a payment, whose id is an `I`.
pub struct Beside<'a, I = OutgoingPaymentId>(Option<&'a WriteResult<'a, I>>);

impl<'a, I> Beside<'a, I> {
    /// Nothing more.
    pub const fn nothing() -> Self {
        Self(None)
    }

    /// What `write` adds to the unit.
    pub const fn result(write: &'a WriteResult<'a, I>) -> Self {
        Self(Some(write))
    }

    pub(crate) fn write(self, unit: &Unit, payment: I) {
        if let Some(write) = self.0 {
            write(unit, payment);
        }
    }
}

impl<I> Clone for Beside<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Beside<'_, I> {}

impl<I> fmt::Debug for Beside<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").field("writes", &self.0.is_some()).finish()
    }
}
