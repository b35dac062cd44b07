//! Limits of packets from and to a peer: rate, number under way, and amount.
//!
//! Own payments and quotes limit themselves. Only the packets that wait for one peer are limited for them.

use clock::Timestamp;
use ilp_packet::ErrorCode;

use crate::accounts::{PeerAccount, Source};
use crate::config::ConnectorConfig;
use crate::outcome::Stop;
use crate::peer_state::UnderWay;
use crate::refusal::Refusal;

/// Counts one more packet from the source. The returned value is kept until the packet is answered.
pub(crate) fn enter(source: &Source, config: &ConnectorConfig) -> Result<Option<UnderWay>, Stop> {
    let Some(peer) = source.peer() else { return Ok(None) };
    let under_way = peer.state.from_it.enter(config.packets_under_way);
    under_way.map(Some).ok_or_else(|| limited(ErrorCode::T03ConnectorBusy, "too many packets under way."))
}

/// Counts one more packet that waits for `peer`, so that a slow peer leaves room for others.
pub(crate) fn wait_for(peer: &PeerAccount, config: &ConnectorConfig) -> Result<UnderWay, Stop> {
    let waiting = peer.state.to_it.enter(config.packets_waiting);
    waiting.ok_or_else(|| limited(ErrorCode::T02PeerBusy, "too many packets wait for the peer."))
}

/// Whether one more packet is within the source's rate.
pub(crate) fn keep_pace(source: &Source, config: &ConnectorConfig, now: Timestamp) -> Result<(), Stop> {
    let kept = source.peer().is_none_or(|peer| peer.state.packets.admit(&config.packet_rate, now));
    if kept { Ok(()) } else { Err(limited(ErrorCode::T05RateLimited, "too many requests, throttling.")) }
}

/// Refuses an amount above the maximum of the source peer.
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
