//! Incoming payments: created, credited, announced, ended.
//!
//! Incoming payments at other institutions are in `receivers`.

pub(crate) mod create_incoming_payment;
pub(crate) mod credit_notes;
pub(crate) mod decide_incoming_payment;
pub(crate) mod decide_partial_payment;
pub(crate) mod end_incoming_payment;
pub(crate) mod expectations;
pub(crate) mod incoming_events;
pub(crate) mod live_receivers;
pub(crate) mod partial_payments;
pub(crate) mod web_monetization;
