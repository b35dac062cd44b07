//! What a probe of a peer needs: the peer, a receiver behind it, the agreed rate.
//! Its checks are made in `run`.

use std::sync::Arc;

use clock::{Clock, Entropy};
use money::Ratio;
use outbound_http::Outbound;
use url::Url;

use crate::receiver::Receiver;

/// Where packets for the peer are sent.
#[derive(Clone)]
pub struct PeerLine {
    /// Its endpoint.
    pub endpoint: Url,
    /// The token that it accepts.
    pub token: String,
}

/// The rate that was agreed.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Smallest units of the receiver's asset for one smallest unit of the peering's asset.
    pub ratio: Ratio,
    /// How far the peer may be from it, in ten-thousandths.
    pub tolerance: u32,
}

/// Everything that a probe needs.
#[derive(Clone)]
pub struct Probe {
    /// The peer.
    pub peer: PeerLine,
    /// Where the packets go; without it, only what needs no receiver is examined.
    pub receiver: Option<Receiver>,
    /// The rate that was agreed, or why it is not known.
    pub expected: Result<Expected, String>,
    /// What may be paid, in the smallest unit of the peering's asset. Without it no money moves.
    pub pay: Option<u64>,
    /// Sends the packets.
    pub http: Outbound,
    /// Tells the time for packets.
    pub clock: Arc<dyn Clock>,
    /// Makes conditions.
    pub entropy: Arc<dyn Entropy>,
}
