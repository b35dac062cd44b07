//! The connector's settings.

use std::fmt;
use std::time::Duration;

use ilp_packet::Address;
use stream::{ReceiverSecret, RejectStyle};

use crate::packet_rate::PacketRate;

/// Time to write down what follows from packets that expired.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// Settings of the packet path.
#[derive(Clone)]
pub struct ConnectorConfig {
    /// `ILP_ADDRESS`: the operator's address, named in every Reject made here.
    pub operator_address: Address,
    /// `STREAM_SECRET`: what receivers' addresses are made with.
    pub stream_secret: ReceiverSecret,
    /// How receivers refuse what cannot be fulfilled; senders up to Rafiki 2.3 need another way than later ones.
    pub reject_style: RejectStyle,
    /// Packets accepted from each peer.
    pub packet_rate: PacketRate,
    /// Packets of one peer under way at once.
    pub packets_under_way: usize,
    /// Packets waiting for one peer's answer at once. Fewer than a peer may have under way, so that packets to a peer
    /// that hangs leave room for those to others.
    pub packets_waiting: usize,
    /// How much earlier a forwarded packet expires than it came with, and how long it must live at least.
    pub minimum_window: Duration,
    /// The longest a forwarded packet may be held.
    pub maximum_hold: Duration,
    /// How much longer than the packet its hold in the ledger lives, to be posted even when the ledger is slow.
    pub hold_margin: Duration,
    /// How long a reply is still awaited past the outgoing expiry. Below `minimum_window`, so that a Fulfill
    /// made in time and delivered late can still be passed on in time.
    pub late_reply_grace: Duration,
    /// How long an own payment's packet is held for a peer that does not say what became of it.
    pub unanswered_hold: Duration,
    /// The same for a peer that was deleted. Longer than it takes until every process knows of a new peer.
    pub orphaned_hold: Duration,
}

impl ConnectorConfig {
    /// The reference's figures.
    pub fn new(operator_address: Address, stream_secret: ReceiverSecret) -> Self {
        Self {
            operator_address,
            stream_secret,
            reject_style: RejectStyle::default(),
            packet_rate: PacketRate::default(),
            packets_under_way: 10_000,
            packets_waiting: 5_000,
            minimum_window: Duration::from_secs(1),
            maximum_hold: Duration::from_secs(30),
            hold_margin: Duration::from_secs(10),
            late_reply_grace: Duration::from_millis(500),
            unanswered_hold: Duration::from_hours(1),
            orphaned_hold: Duration::from_mins(3),
        }
    }

    /// The longest a packet under way can take when no more are taken: its hold, and time to write down how it ended.
    pub(crate) fn longest_stop(&self) -> Duration {
        self.maximum_hold + STOP_MARGIN
    }
}

impl fmt::Debug for ConnectorConfig {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorConfig").field("operator_address", &self.operator_address).finish_non_exhaustive()
    }
}
