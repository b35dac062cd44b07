//! Outgoing payments: created, funded, sent, ended.
//!
//! What they cost is in `quotes`.

pub(crate) mod at_hand;
pub(crate) mod create_outgoing_payment;
pub(crate) mod fund_outgoing_payment;
pub(crate) mod grant_spending;
pub(crate) mod grant_watch;
pub(crate) mod outgoing_events;
pub(crate) mod packet_list;
pub(crate) mod packet_log;
pub(crate) mod pay_locally;
pub(crate) mod pay_over_ilp;
pub(crate) mod send_outgoing_payment;
