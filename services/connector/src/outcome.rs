//! The outcome of a packet, as far as it is known.
//!
//! A reply can be lost after the money has moved. A node that recognises repetitions then gets the packet again. A
//! Reject is given only if nothing has moved.

use bytes::Bytes;
use payments_model::PeerId;

use crate::refusal::Refusal;

/// Whether a packet may have been seen here before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmission {
    /// It was never sent before.
    First,
    /// The same octets, except the expiry, may have been sent before, and their outcome is unknown.
    Again,
}

/// The outcome of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A Fulfill or Reject. A Reject means that nothing moved here and nothing is held.
    Reply(Bytes),
    /// Whether the packet was paid is unknown. Its money stays held. The same packet sent [again](Transmission::Again) finds
    /// out.
    Unresolved,
    /// An earlier attempt paid the packet, but its reply is lost, because the peer does not recognise repetitions.
    Paid,
}

/// Why the layer below gave no reply.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nothing moved, and nothing is held.
    Refused(Refusal),
    /// A limit stopped the packet before any lookup. If the packet was never sent before, nothing moved. If it is a
    /// repetition, this says nothing about the first one, because another process may have it.
    Limited(Refusal),
    /// The next peer cannot take the packet now. Nothing was sent to it, and nothing is held. Another peer may take it.
    PassedOver(PeerId, Refusal),
    /// A transfer with the packet's id exists.
    Repeated,
    /// See [`Outcome::Unresolved`].
    Unresolved,
    /// See [`Outcome::Paid`].
    Paid,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
