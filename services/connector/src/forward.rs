//! One exchange with the next peer: bounded by the packet's expiry, its reply checked against the condition
//! (ilp sections 7.13 to 7.15).

use std::time::Duration;

use bytes::Bytes;
use clock::Timestamp;
use ilp_packet::{Condition, ErrorCode, PrepareBuf, Reply};

use crate::accounts::PeerAccount;
use crate::ports::{Uplink, UplinkError};
use crate::refusal::Refusal;

/// What the next peer decided.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It holds the proof that the receiver was paid.
    Fulfilled(Bytes),
    /// It refused; relayed as it came.
    Rejected(Bytes),
}

/// Sends `packet` and waits for its reply until the expiry and `grace` are over. Dropping the wait abandons the
/// exchange.
pub(crate) async fn forward(
    uplink: &dyn Uplink,
    peer: &PeerAccount,
    packet: PrepareBuf,
    now: Timestamp,
    grace: Duration,
) -> Result<Decision, Refusal> {
    let condition = packet.execution_condition();
    let at_most = packet.expires_at().saturating_since(now) + grace;
    let exchange = uplink.exchange(peer, packet.into_bytes().into(), at_most);
    let reply = match tokio::time::timeout(at_most, exchange).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => return Err(no_reply(peer, &error)),
        Err(_) => return Err(Refusal::expired()),
    };
    judge(peer, reply, &condition)
}

fn judge(peer: &PeerAccount, reply: Bytes, condition: &Condition) -> Result<Decision, Refusal> {
    match Reply::parse(&reply) {
        Ok(Reply::Fulfill(fulfill)) if fulfill.fulfillment.satisfies(condition) => Ok(Decision::Fulfilled(reply)),
        Ok(Reply::Fulfill(_)) => {
            tracing::warn!(peer.id = %peer.id(), "peer answered with a wrong fulfillment");
            Err(Refusal::new(ErrorCode::F05WrongCondition, "fulfillment did not match expected value."))
        }
        Ok(Reply::Reject(_)) => Ok(Decision::Rejected(reply)),
        Err(error) => {
            tracing::warn!(peer.id = %peer.id(), %error, "peer's reply is no ILP packet");
            Err(Refusal::new(ErrorCode::T01PeerUnreachable, "peer did not answer with an ILP packet."))
        }
    }
}

/// Temporary in every case: the sender may try again, and another packet may find the peer recovered.
fn no_reply(peer: &PeerAccount, error: &UplinkError) -> Refusal {
    tracing::warn!(peer.id = %peer.id(), %error, "no reply from peer");
    match error {
        UplinkError::TimedOut => Refusal::expired(),
        UplinkError::Busy => Refusal::new(ErrorCode::T02PeerBusy, "peer is busy."),
        UplinkError::Unreachable(_) | UplinkError::Refused(_) => {
            Refusal::new(ErrorCode::T01PeerUnreachable, "peer is unreachable.")
        }
    }
}
