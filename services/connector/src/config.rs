//! The connector's settings.
//! The variables behind them are in `apps/config`.

use std::fmt;
use std::time::Duration;

use ilp_packet::Address;
use stream::{ReceiverSecret, RejectStyle};

use crate::packet_rate::PacketRate;
use crate::stages::Stages;

/// Time to write the results of packets that have expired.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// Settings of the packet path.
#[derive(Clone)]
pub struct ConnectorConfig {
    /// `ILP_ADDRESS`: the operator's address, named in every Reject made here.
    pub operator_address: Address,
    /// `STREAM_SECRET`: the secret of receivers' addresses.
    pub stream_secret: ReceiverSecret,
    /// How receivers reject packets that cannot be fulfilled. Senders up to Rafiki 2.3 need another form than later
    /// ones.
    pub reject_style: RejectStyle,
    /// How many packets are accepted from each peer.
    pub packet_rate: PacketRate,
    /// How many packets of one peer may be under way at once.
    pub packets_under_way: usize,
    /// How many packets may wait for one peer's answer at once. This is less than a peer may have under way. So packets
    /// to a slow peer leave room for packets to others.
    pub packets_waiting: usize,
    /// How much earlier a forwarded packet expires than it arrived with. Also the shortest lifetime of a packet.
    pub minimum_window: Duration,
    /// The longest a forwarded packet may be held.
    pub maximum_hold: Duration,
    /// How much longer than the packet its hold in the ledger lives, to be posted even when the ledger is slow.
    pub hold_margin: Duration,
    /// How long a reply is still awaited after the outgoing expiry. It is below `minimum_window`, so that a Fulfill
    /// that was made in time and delivered late can still be passed on in time.
    pub late_reply_grace: Duration,
    /// How long the money of an own payment's packet is held for a peer that does not report the outcome.
    pub unanswered_hold: Duration,
    /// The same for a peer that was deleted. It is longer than the time until every process knows a new peer.
    pub orphaned_hold: Duration,
    /// Which stages packets pass.
    pub stages: Stages,
}

impl ConnectorConfig {
    /// The defaults of the reference.
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
            stages: Stages::default(),
        }
    }

    /// The longest time that packets under way need when no more are accepted: their hold, and the time to write their
    /// results.
    pub(crate) fn longest_stop(&self) -> Duration {
        self.maximum_hold + STOP_MARGIN
    }
}

impl fmt::Debug for ConnectorConfig {
    /// Shows everything except the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorConfig").field("operator_address", &self.operator_address).finish_non_exhaustive()
    }
}
