//! Incoming payments as a sender sees them, here or at another institution.
//!
//! Not the incoming payments of this instance themselves; those are `incoming`.

pub(crate) mod credentials;
pub(crate) mod grant_slots;
pub(crate) mod held_grants;
pub(crate) mod manage_receiver;
pub(crate) mod receiver_memory;
pub(crate) mod resolve_receiver;
