//! Packets to `peer.*`, which are for this node and are never routed.
//!
//! Only ILDCP (RFC 31), the request for one's own address and asset, is answered. It moves no money.

use bytes::Bytes;
use clock::Timestamp;
use ilp_packet::ildcp::{self, AccountDetails};
use ilp_packet::{AddressRef, PrepareBuf};

use crate::accounts::Source;
use crate::refusal::Refusal;
use crate::stages::{OptionalStage, Stages};

/// The answer to a packet for this node; `None` for all other packets.
pub(crate) fn answer(
    stages: &Stages,
    source: &Source,
    packet: &PrepareBuf,
    operator_address: AddressRef<'_>,
    now: Timestamp,
) -> Option<Result<Bytes, Refusal>> {
    let prepare = packet.as_prepare();
    if prepare.destination.scheme() != "peer" {
        return None;
    }
    let is_answered = ildcp::is_request(&prepare) && stages.has(OptionalStage::Ildcp);
    let Some(peer) = source.peer().filter(|_| is_answered) else {
        return Some(Err(Refusal::unknown_destination()));
    };
    let asset = &peer.asset().asset;
    let details = AccountDetails {
        client_address: peer.record().static_address.clone(),
        asset_scale: asset.scale,
        asset_code: asset.code.as_str().to_owned(),
    };
    Some(Ok(ildcp::serve(&prepare, &details, operator_address, now).into()))
}
