//! Packets without money, which carry frames about the connection (RFC 29, section 5).
//!
//! Packets with money are made in `exchange`.

use std::time::Duration;

use clock::Timestamp;
use stream::{Frame, Hashlock, Request, STREAM_ID};

/// How long a packet may take to the receiver and back.
pub(crate) const PACKET_LIFE: Duration = Duration::from_secs(20);

/// The frames of such a packet: those that open a connection, and then `last`.
pub(crate) fn control_frames(last: Frame<'_>) -> [Frame<'_>; 3] {
    [Frame::ConnectionMaxStreamId { max_stream_id: STREAM_ID }, Frame::ConnectionMaxData { max_offset: 0 }, last]
}

/// A request for a packet with these frames. The receiver cannot fulfil it, so no money moves.
pub(crate) fn control_request<'f>(expires_at: Timestamp, frames: &'f [Frame<'f>]) -> Request<'f> {
    Request { source_amount: 0, min_destination_amount: 0, hashlock: Hashlock::Unfulfillable, expires_at, frames }
}
