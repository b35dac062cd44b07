//! Receivers: incoming payments as a sender sees them, at this institution or another.
//!
//! The incoming payments of this instance are in `incoming`.

pub(crate) mod address_memory;
pub(crate) mod credentials;
pub(crate) mod grant_slots;
pub(crate) mod held_grants;
pub(crate) mod manage_receiver;
pub(crate) mod receiver_memory;
pub(crate) mod resolve_receiver;
