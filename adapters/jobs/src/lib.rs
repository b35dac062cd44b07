//! Leased jobs with back-off and wake-ups.
//!
//! Not yet written.
