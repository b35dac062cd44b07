//! What became of a packet, as far as it is known.
//!
//! The network between two nodes can swallow a reply after the money has moved. Between nodes that recognise a
//! repetition the packet is then sent again; a refusal is only ever given when nothing has moved.

use bytes::Bytes;

use crate::refusal::Refusal;

/// Whether a packet may have been here before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was never sent before.
    First,
    /// The same octets, expiry excepted, may have been sent before and their outcome is not known.
    Again,
}

/// The outcome of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A Fulfill or Reject. A Reject means that nothing moved here and that nothing is held.
    Reply(Bytes),
    /// It is not known yet whether the packet was paid. Its money stays held; the same packet sent
    /// [again](Attempt::Again) finds out.
    Unresolved,
    /// The packet was paid by an earlier attempt, but its reply is lost: the peer does not recognise repetitions.
    Paid,
}

/// Why a packet got no reply from the layer below.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nothing moved and nothing is held.
    Refused(Refusal),
    /// There is too much to do for this packet now, and nothing was looked at. Of a packet that was never here before
    /// this says that nothing moved; of a repetition it says nothing, for another process may have the first.
    Limited(Refusal),
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
