//! How many packets peers may send, and which stages of the connector a packet passes.
//! How often strangers may send requests is in `auth` and `backend`.

use crate::reader::Reader;

/// How many packets each peer may send to one process, and what looks at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packets {
    /// `ILP_PACKETS_PER_SECOND`: how many packets on average.
    pub per_second: u32,
    /// `ILP_PACKET_BURST`: how many packets at the same time, after a pause.
    pub burst: u32,
    /// `CONNECTOR_STAGES`: the optional stages that packets pass: `ildcp`, `packet-rate`, `throughput`, `breaker`, separated
    /// by commas; all by default. What is not named is left out; `none` leaves out all four. The other stages, and the order
    /// of all, are fixed.
    pub stages: Vec<PacketStage>,
}

/// A stage of the connector that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketStage {
    /// Peers learn their address here.
    Ildcp,
    /// `ILP_PACKETS_PER_SECOND` and the rates of single peers.
    PacketRate,
    /// How much money a peer may send, and is sent, per period.
    Throughput,
    /// A peer that does not answer gets no packets for a moment.
    Breaker,
}

impl PacketStage {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Ildcp, "ildcp"),
        (Self::PacketRate, "packet-rate"),
        (Self::Throughput, "throughput"),
        (Self::Breaker, "breaker"),
    ];
}

impl Packets {
    /// By default a burst is the packets of two seconds.
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let per_second = r.number("ILP_PACKETS_PER_SECOND", 10_000, 1..=1_000_000);
        let burst = r.number("ILP_PACKET_BURST", per_second * 2, 1..=10_000_000);
        Self { per_second, burst, stages: read_stages(r) }
    }
}

fn read_stages(r: &mut Reader<'_>) -> Vec<PacketStage> {
    let text = r.text("CONNECTOR_STAGES").unwrap_or_default();
    let named: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if named.is_empty() {
        return PacketStage::ALL.map(|(stage, _)| stage).to_vec();
    }
    let is_known = |name: &&str| PacketStage::ALL.iter().any(|(_, known)| known == name);
    if named != ["none"]
        && let Some(unknown) = named.iter().find(|name| !is_known(name))
    {
        let all = PacketStage::ALL.map(|(_, name)| name).join(", ");
        r.problem("CONNECTOR_STAGES", format!("{unknown:?} is none of {all}; none alone leaves out all"));
    }
    let (kept, left_out): (Vec<_>, Vec<_>) = PacketStage::ALL.into_iter().partition(|(_, name)| named.contains(name));
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().map(|(_, name)| *name).collect();
        r.notice("CONNECTOR_STAGES", format!("packets do not pass these stages: {}", names.join(", ")));
    }
    kept.into_iter().map(|(stage, _)| stage).collect()
}
