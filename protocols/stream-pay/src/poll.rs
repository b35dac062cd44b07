//! The next step that a state machine asks its driver for. No RFC describes it.
//! What is sent is decided in `probe`, `payment` and `close`.

use clock::Timestamp;

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll<T> {
    /// Send this packet, then poll again at once, without waiting for its reply.
    Send(OutgoingPrepare),
    /// Poll again after the next reply, or at this instant if no reply arrives before.
    WaitUntil(Timestamp),
    /// It has ended. Later replies change nothing.
    Done(T),
}

/// A packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingPrepare {
    /// The number of the packet. The driver hands in the reply with this number.
    pub sequence: u64,
    /// The octets of the Prepare.
    pub packet: Vec<u8>,
    /// The instant after which a reply is too late.
    pub expires_at: Timestamp,
}
