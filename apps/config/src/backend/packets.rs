//! How many packets peers may send.
//! How often strangers may send requests is in `auth` and `backend`.

use crate::reader::Reader;

/// How many packets each peer may send to one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packets {
    /// `ILP_PACKETS_PER_SECOND`: how many packets on average.
    pub per_second: u32,
    /// `ILP_PACKET_BURST`: how many packets at the same time, after a pause.
    pub burst: u32,
}

impl Packets {
    /// By default a burst is the packets of two seconds.
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let per_second = r.number("ILP_PACKETS_PER_SECOND", 10_000, 1..=1_000_000);
        Self { per_second, burst: r.number("ILP_PACKET_BURST", per_second * 2, 1..=10_000_000) }
    }
}
