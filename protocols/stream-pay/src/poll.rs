//! What a state machine wants its driver to do next. No RFC speaks of it.

use clock::Timestamp;

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll<T> {
    /// Send this packet, then poll again at once; do not wait for its reply.
    Send(OutgoingPrepare),
    /// Poll again after the next reply, or at this instant if none arrives before.
    WaitUntil(Timestamp),
    /// Finished. Replies still to come change nothing any more.
    Done(T),
}

/// A packet to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingPrepare {
    /// Hand the reply back under this number.
    pub sequence: u64,
    /// The octets of the Prepare.
    pub packet: Vec<u8>,
    /// A reply after this instant comes too late.
    pub expires_at: Timestamp,
}
