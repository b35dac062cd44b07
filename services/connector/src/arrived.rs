//! A packet's data as it arrived, before it is rewritten for the next account.
//! Rewriting it is in `forward`.

use clock::Timestamp;
use ilp_packet::PrepareBuf;

use crate::accounts::Source;
use crate::packet_transfer::PacketIdentity;

/// Amount, expiry and identity of a packet as its source sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) amount: u64,
    pub(crate) expires_at: Timestamp,
    /// `None` for packets that move no money here.
    pub(crate) identity: Option<PacketIdentity>,
}

impl Arrived {
    /// The data of `packet` as it arrives from `source`.
    pub(crate) fn with(source: &Source, packet: &PrepareBuf) -> Self {
        Self { amount: packet.amount(), expires_at: packet.expires_at(), identity: source.identify(packet) }
    }
}
