//! Payments that arrive: asked for, received, announced, ended.
//!
//! Not how other institutions are asked for one; that is `receivers`.

pub(crate) mod create_incoming_payment;
pub(crate) mod credit_notes;
pub(crate) mod decide_incoming_payment;
pub(crate) mod end_incoming_payment;
pub(crate) mod expectations;
pub(crate) mod incoming_events;
pub(crate) mod live_receivers;
pub(crate) mod web_monetization;
