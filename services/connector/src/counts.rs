//! Counts of packets, by their results.
//!
//! The handles are made once, so counting a packet only adds to two numbers.

use ilp_packet::PacketType;
use metrics::Counter;
use telemetry::metrics::{PACKETS_FULFILLED, PACKETS_PREPARED, PACKETS_REJECTED, PACKETS_UNRESOLVED};

use crate::accounts::Source;
use crate::outcome::Outcome;

/// All packets.
pub(crate) struct PacketCounts {
    incoming: Direction,
    outgoing: Direction,
    probe: Direction,
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
        Self { incoming: direction("incoming"), outgoing: direction("outgoing"), probe: direction("probe") }
    }
}

impl PacketCounts {
    /// Counts a packet of `source` that was answered.
    pub(crate) fn answered(&self, source: &Source, outcome: &Outcome) {
        let direction = match source {
            Source::Peer(_) => &self.incoming,
            Source::Payment(_) => &self.outgoing,
            Source::Quote(_) => &self.probe,
        };
        direction.prepared.increment(1);
        match outcome {
            Outcome::Reply(reply) if reply.first() == Some(&PacketType::Fulfill.octet()) => &direction.fulfilled,
            Outcome::Paid => &direction.fulfilled,
            Outcome::Reply(_) => &direction.rejected,
            Outcome::Unresolved => &direction.unresolved,
        }
        .increment(1);
    }
}
