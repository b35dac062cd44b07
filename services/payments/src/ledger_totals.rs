//! Conversion of ledger totals (128 bits) to Open Payments amounts (64 bits).
//! The totals are read where they are used.

/// A ledger total as a 64-bit amount.
pub(crate) fn amount_of(total: u128) -> u64 {
    u64::try_from(total).unwrap_or(u64::MAX)
}
