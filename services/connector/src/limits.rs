//! Limits of packets from and to a peer: rate, number under way, amount, and amount per period.
//!
//! Own payments and quotes limit themselves. Here only their packets that wait for one peer are limited.

use bytes::Bytes;
use clock::{Clock, Timestamp};
use ilp_packet::{ErrorCode, PacketType};

use crate::accounts::{PeerAccount, Source};
use crate::config::ConnectorConfig;
use crate::outcome::Stop;
use crate::peer_state::UnderWay;
use crate::refusal::Refusal;
use crate::stages::OptionalStage;
use crate::throughput::Counted;

/// Counts one more packet from the source. The returned value is kept until the packet is answered.
pub(crate) fn enter(source: &Source, config: &ConnectorConfig) -> Result<Option<UnderWay>, Stop> {
    let Some(peer) = source.peer() else { return Ok(None) };
    let under_way = peer.state.packets_under_way.enter(config.packets_under_way);
    under_way.map(Some).ok_or_else(|| limited(ErrorCode::T03ConnectorBusy, "too many packets under way."))
}

/// Counts one more packet that waits for `peer`, so that a slow peer leaves room for others.
pub(crate) fn wait_for(peer: &PeerAccount, config: &ConnectorConfig) -> Result<UnderWay, Stop> {
    let waiting = peer.state.packets_waiting.enter(config.packets_waiting);
    waiting.ok_or_else(|| {
        let refusal = Refusal::new(ErrorCode::T02PeerBusy, "too many packets wait for the peer.");
        Stop::PassedOver(peer.id(), refusal)
    })
}

/// Whether one more packet is within the source's rate.
pub(crate) fn keep_pace(source: &Source, config: &ConnectorConfig, now: Timestamp) -> Result<(), Stop> {
    if !config.stages.has(OptionalStage::PacketRate) {
        return Ok(());
    }
    let kept = source.peer().is_none_or(|peer| {
        let rate = config.packet_rate.of_peer(&peer.record().terms);
        peer.state.packets.admit(rate.packet(), now).is_some()
    });
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

/// Counts `amount` towards what the source may send. The Reject of a packet above the whole limit
/// states the limit.
pub(crate) fn take_in<'a>(
    source: &'a Source,
    config: &ConnectorConfig,
    amount: u64,
    clock: &'a dyn Clock,
) -> Result<Option<Counted<'a>>, Stop> {
    let peer = source.peer().filter(|_| config.stages.has(OptionalStage::Throughput));
    let Some(peer) = peer else { return Ok(None) };
    let Some(limit) = peer.record().terms.incoming else { return Ok(None) };
    if amount > limit.amount {
        return Err(Stop::Limited(Refusal::too_large(amount, limit.amount)));
    }
    Counted::count(&peer.state.incoming_amounts, clock, limit, amount)
        .map(Some)
        .ok_or_else(|| Stop::Limited(too_much()))
}

/// Refuses a packet that is larger than all that is sent to the peer in its period. `arrived` is the amount in the asset
/// of the source, and `amount` the same in the asset of the peer.
pub(crate) fn check_amount_to(peer: &PeerAccount, arrived: u64, amount: u64) -> Result<(), Stop> {
    match peer.record().terms.outgoing {
        Some(limit) if amount > limit.amount => {
            let maximum = if arrived == amount {
                limit.amount
            } else {
                // Rounded down, and one unit is added to the divisor for what the conversion rounded off. So the
                // maximum passes when it is converted at the same rate.
                let maximum = u128::from(arrived) * u128::from(limit.amount) / (u128::from(amount) + 1);
                u64::try_from(maximum).unwrap_or(arrived)
            };
            Err(Stop::PassedOver(peer.id(), Refusal::too_large(arrived, maximum)))
        }
        _ => Ok(()),
    }
}

/// Counts `amount` towards what is sent to the peer.
pub(crate) fn send_on<'a>(
    peer: &'a PeerAccount,
    amount: u64,
    clock: &'a dyn Clock,
) -> Result<Option<Counted<'a>>, Stop> {
    let Some(limit) = peer.record().terms.outgoing else { return Ok(None) };
    let counted = Counted::count(&peer.state.outgoing_amounts, clock, limit, amount);
    counted.map(Some).ok_or_else(|| Stop::PassedOver(peer.id(), too_much()))
}

/// Keeps an amount counted if its money has moved or may have moved. Otherwise it is given back.
pub(crate) fn count_moved(counted: Option<Counted<'_>>, answered: &Result<Bytes, Stop>) {
    let nothing_moved = match answered {
        Ok(reply) => reply.first() != Some(&PacketType::Fulfill.octet()),
        Err(Stop::Refused(_) | Stop::Limited(_) | Stop::PassedOver(..)) => true,
        Err(Stop::Repeated | Stop::Unresolved | Stop::Paid) => false,
    };
    if !nothing_moved && let Some(counted) = counted {
        counted.keep();
    }
}

fn too_much() -> Refusal {
    Refusal::new(ErrorCode::T04InsufficientLiquidity, "exceeded money bandwidth, throttling.")
}

fn limited(code: ErrorCode, message: &'static str) -> Stop {
    Stop::Limited(Refusal::new(code, message))
}
