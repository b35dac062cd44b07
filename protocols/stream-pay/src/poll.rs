//! The next step that a state machine wants from its driver. No RFC describes it.

use clock::Timestamp;

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll<T> {
    /// Send this packet, then poll again at once, without waiting for its reply.
    Send(OutgoingPrepare),
    /// Poll again after the next reply, or at this instant if no reply arrives before.
    WaitUntil(Timestamp),
    /// It has finished. Later replies change nothing.
    Done(T),
}

/// A packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingPrepare {
    /// The number with which the reply is handed back.
    pub sequence: u64,
    /// The octets of the Prepare.
    pub packet: Vec<u8>,
    /// The instant after which a reply is too late.
    pub expires_at: Timestamp,
}
