//! The checks, a file per subject. Each sends its own packets and judges their answers by its rule.
//! The score of all together is in `check`.

pub(crate) mod amount;
pub(crate) mod clocks;
pub(crate) mod expiry;
pub(crate) mod latency;
pub(crate) mod rate;
pub(crate) mod receipts;
