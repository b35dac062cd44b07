//! What a peer may send and be sent: packets per time, packets at once, amount per packet.
//!
//! Own payments and quotes pace themselves and are limited only in what waits for one peer.

use clock::Timestamp;
use ilp_packet::ErrorCode;

use crate::accounts::{PeerAccount, Source};
use crate::config::ConnectorConfig;
use crate::outcome::Stop;
use crate::peer_state::UnderWay;
use crate::refusal::Refusal;

/// Counts one more packet from the source; what is returned is kept until the packet is answered.
pub(crate) fn enter(source: &Source, config: &ConnectorConfig) -> Result<Option<UnderWay>, Stop> {
    let Some(peer) = source.peer() else { return Ok(None) };
    let under_way = peer.state.from_it.enter(config.packets_under_way);
    under_way.map(Some).ok_or_else(|| limited(ErrorCode::T03ConnectorBusy, "too many packets under way."))
}

/// Counts one more packet waiting for `peer`, so that a peer that hangs keeps no places others need.
pub(crate) fn wait_for(peer: &PeerAccount, config: &ConnectorConfig) -> Result<UnderWay, Stop> {
    let waiting = peer.state.to_it.enter(config.packets_waiting);
    waiting.ok_or_else(|| limited(ErrorCode::T02PeerBusy, "too many packets wait for the peer."))
}

/// Whether the source keeps to the rate with one more packet.
pub(crate) fn keep_pace(source: &Source, config: &ConnectorConfig, now: Timestamp) -> Result<(), Stop> {
    let kept = source.peer().is_none_or(|peer| peer.state.packets.admit(&config.packet_rate, now));
    if kept { Ok(()) } else { Err(limited(ErrorCode::T05RateLimited, "too many requests, throttling.")) }
}

/// Refuses an amount above the source peer's maximum.
pub(crate) fn check_amount(source: &Source, amount: u64) -> Result<(), Refusal> {
    let maximum = source.peer().and_then(|peer| peer.record().max_packet_amount).filter(|maximum| *maximum > 0);
    match maximum {
        Some(maximum) if amount > maximum => Err(Refusal::too_large(amount, maximum)),
        _ => Ok(()),
    }
}

fn limited(code: ErrorCode, message: &'static str) -> Stop {
    Stop::Limited(Refusal::new(code, message))
}
