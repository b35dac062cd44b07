//! Counts of packets, by their results.
//!
//! The handles are made once, so counting a packet only adds to two numbers.

use ilp_packet::PacketType;
use metrics::Counter;
use telemetry::metrics::{PACKETS_FULFILLED, PACKETS_PREPARED, PACKETS_REJECTED, PACKETS_UNRESOLVED};
use telemetry::{PacketTimer, Probes};

use crate::accounts::Source;
use crate::outcome::Outcome;

/// All packets.
pub(crate) struct PacketCounts {
    incoming: Direction,
    outgoing: Direction,
    probe: Direction,
    probes: Probes,
}

/// Packets from one kind of source.
struct Direction {
    prepared: Counter,
    fulfilled: Counter,
    rejected: Counter,
    unresolved: Counter,
}

impl Default for PacketCounts {
    fn default() -> Self {
        let direction = |direction: &'static str| Direction {
            prepared: metrics::counter!(PACKETS_PREPARED, "direction" => direction),
            fulfilled: metrics::counter!(PACKETS_FULFILLED, "direction" => direction),
            rejected: metrics::counter!(PACKETS_REJECTED, "direction" => direction),
            unresolved: metrics::counter!(PACKETS_UNRESOLVED, "direction" => direction),
        };
        Self {
            incoming: direction("incoming"),
            outgoing: direction("outgoing"),
            probe: direction("probe"),
            probes: Probes::of_this_role(),
        }
    }
}

impl PacketCounts {
    /// Measures the time until a packet is answered, if collectors get these times.
    pub(crate) fn timer(&self) -> PacketTimer {
        self.probes.packet()
    }

    /// Counts a packet of `source` that was answered.
    pub(crate) fn answered(&self, source: &Source, amount: u64, outcome: &Outcome) {
        let direction = match source {
            Source::Peer(_) => &self.incoming,
            Source::Payment(_) => &self.outgoing,
            Source::Quote(_) => &self.probe,
        };
        direction.prepared.increment(1);
        let is_fulfilled = match outcome {
            Outcome::Reply(reply) => reply.first() == Some(&PacketType::Fulfill.octet()),
            Outcome::Paid => true,
            Outcome::Unresolved => false,
        };
        if is_fulfilled && matches!(source, Source::Payment(_)) {
            self.probes.packet_fulfilled(&source.asset().asset, amount);
        }
        match outcome {
            _ if is_fulfilled => &direction.fulfilled,
            Outcome::Reply(_) | Outcome::Paid => &direction.rejected,
            Outcome::Unresolved => &direction.unresolved,
        }
        .increment(1);
    }
}
