//! Ledger totals (128 bits) as Open Payments counts amounts (64 bits).

/// A ledger total as amounts are counted outside of it.
pub(crate) fn amount_of(total: u128) -> u64 {
    u64::try_from(total).unwrap_or(u64::MAX)
}
