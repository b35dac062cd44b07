//! What a peer may send: packets per time, packets at once, amount per packet (ilp sections 7.4 and 7.5).
//!
//! Own payments and quotes pace themselves and are not limited.

use clock::Timestamp;
use ilp_packet::ErrorCode;

use crate::accounts::Source;
use crate::config::ConnectorConfig;
use crate::peer_state::UnderWay;
use crate::refusal::Refusal;

/// Admits one more packet of the source; what is returned is kept until the packet is answered.
pub(crate) fn admit(source: &Source, config: &ConnectorConfig, now: Timestamp) -> Result<Option<UnderWay>, Refusal> {
    let Some(peer) = source.peer() else { return Ok(None) };
    if !peer.state.packets.admit(&config.packet_rate, now) {
        return Err(Refusal::new(ErrorCode::T05RateLimited, "too many requests, throttling."));
    }
    let under_way = peer.state.enter(config.packets_under_way);
    let busy = || Refusal::new(ErrorCode::T03ConnectorBusy, "too many packets under way.");
    under_way.ok_or_else(busy).map(Some)
}

/// Refuses an amount above the source peer's maximum.
pub(crate) fn check_amount(source: &Source, amount: u64) -> Result<(), Refusal> {
    let maximum = source.peer().and_then(|peer| peer.record().max_packet_amount).filter(|maximum| *maximum > 0);
    match maximum {
        Some(maximum) if amount > maximum => Err(Refusal::too_large(amount, maximum)),
        _ => Ok(()),
    }
}
