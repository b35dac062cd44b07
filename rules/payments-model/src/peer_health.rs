//! How the exchanges with a peer went, for display.
//!
//! It decides nothing. What a process does with a peer that does not answer is in the connector.

use clock::Timestamp;

/// What all processes noted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerHealth {
    /// Whether packets are sent to it.
    pub state: PeerState,
    /// When this began.
    pub since: Timestamp,
    /// The last answer. Further answers within a minute may not be noted.
    pub last_success: Option<Timestamp>,
    /// The last exchange without an answer.
    pub last_error: Option<PeerError>,
    /// How often its breaker opened.
    pub interruptions: u64,
}

/// An exchange without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerError {
    /// When it ended.
    pub at: Timestamp,
    /// Why there was no answer.
    pub reason: String,
}

/// Whether packets are sent to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// They are.
    Up,
    /// The peer did not answer several times in a row. Packets are refused at once, except one now and then.
    Down,
}

/// The most characters of a reason that are noted.
pub const REASON_MAX: usize = 500;
