//! The public Open Payments and wallet address listener.
//!
//! Not yet written.
