//! The exchange with the next peer: bounded by the packet's expiry, repeated where that is safe, its reply checked
//! against the condition (ilp sections 7.13 to 7.15).
//!
//! A request whose reply is lost may have been acted upon. Towards a peer that recognises repetitions the same octets
//! are sent again until the expiry; towards any other peer never, and its silence counts as a refusal.

use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use ilp_packet::{ErrorCode, PrepareBuf, Reply, ildcp};

use crate::accounts::PeerAccount;
use crate::outcome::{Attempt, Stop};
use crate::peer_state::Repeats;
use crate::ports::{Uplink, UplinkError};
use crate::refusal::Refusal;

/// The pauses between repetitions.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a peer may take to say whether it recognises repetitions.
const QUESTION_LIFE: Duration = Duration::from_secs(5);

/// What the next peer decided.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It holds the proof that the receiver was paid.
    Fulfilled(Bytes),
    /// It refused; relayed as it came.
    Rejected(Bytes),
}

/// The way to peers.
pub(crate) struct Forwarder<'a> {
    pub(crate) uplink: &'a dyn Uplink,
    pub(crate) clock: &'a dyn Clock,
    /// How long beyond its expiry a reply is still awaited.
    pub(crate) grace: Duration,
}

impl Forwarder<'_> {
    /// Makes sure it is known whether `peer` recognises repetitions, by asking it for its view of our account.
    ///
    /// The answer is in a header of any reply, so after the first packet to a peer there is nothing to ask.
    pub(crate) async fn get_to_know(&self, peer: &PeerAccount) -> Result<(), UplinkError> {
        if peer.state.repeats() != Repeats::Unknown {
            return Ok(());
        }
        let _one_at_a_time = peer.state.asking.lock().await;
        if peer.state.repeats() != Repeats::Unknown {
            return Ok(());
        }
        let question = ildcp::request(self.clock.now() + QUESTION_LIFE);
        let question = question.map_err(|error| UplinkError::Refused(error.to_string()))?;
        self.exchange(peer, question.into(), Attempt::First, QUESTION_LIFE).await.map(drop)
    }

    /// Sends `packet` and gives the peer's decision.
    ///
    /// [`Stop::Refused`] means that the peer certainly did not fulfil it, or is not one that could be asked again.
    pub(crate) async fn forward(
        &self,
        peer: &PeerAccount,
        packet: &PrepareBuf,
        attempt: Attempt,
    ) -> Result<Decision, Stop> {
        let octets = Bytes::copy_from_slice(packet.as_bytes());
        let until = packet.expires_at() + self.grace;
        let mut may_have_left = attempt == Attempt::Again;
        let mut pause = SHORTEST_PAUSE;
        let mut last = UplinkError::TimedOut;
        loop {
            let left = until.saturating_since(self.clock.now());
            if !left.is_zero() {
                let attempt = if may_have_left { Attempt::Again } else { Attempt::First };
                last = match self.exchange(peer, octets.clone(), attempt, left).await {
                    Ok(reply) => match judge(peer, reply, packet) {
                        Ok(decision) => return Ok(decision?),
                        Err(error) => error,
                    },
                    Err(error) => error,
                };
                tracing::warn!(peer.id = %peer.id(), error = %last, "no reply from peer");
                may_have_left |= last.may_have_left();
            }
            if !may_have_left || peer.state.repeats() == Repeats::Never {
                return Err(no_reply(&last).into());
            }
            let left = until.saturating_since(self.clock.now());
            if left.is_zero() || peer.state.repeats() == Repeats::Unknown {
                return Err(Stop::Unresolved);
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn exchange(
        &self,
        peer: &PeerAccount,
        octets: Bytes,
        attempt: Attempt,
        at_most: Duration,
    ) -> Result<Bytes, UplinkError> {
        let exchange = self.uplink.exchange(peer, octets, attempt, at_most);
        let answer = tokio::time::timeout(at_most, exchange).await.unwrap_or(Err(UplinkError::TimedOut))?;
        peer.state.set_repeats(if answer.repeatable { Repeats::Always } else { Repeats::Never });
        Ok(answer.octets)
    }
}

/// Reads a reply. An inner refusal is final, an error means that there is no reply yet.
fn judge(peer: &PeerAccount, reply: Bytes, packet: &PrepareBuf) -> Result<Result<Decision, Refusal>, UplinkError> {
    match Reply::parse(&reply) {
        Ok(Reply::Fulfill(fulfill)) if fulfill.fulfillment.satisfies(&packet.execution_condition()) => {
            Ok(Ok(Decision::Fulfilled(reply)))
        }
        Ok(Reply::Fulfill(_)) => {
            tracing::warn!(peer.id = %peer.id(), "peer answered with a wrong fulfillment");
            Ok(Err(Refusal::new(ErrorCode::F05WrongCondition, "fulfillment did not match expected value.")))
        }
        Ok(Reply::Reject(_)) => Ok(Ok(Decision::Rejected(reply))),
        Err(error) => Err(UplinkError::Broken(error.to_string())),
    }
}

/// Temporary in every case: the sender may try again, and another packet may find the peer recovered.
pub(crate) fn no_reply(error: &UplinkError) -> Refusal {
    match error {
        UplinkError::TimedOut => Refusal::expired(),
        UplinkError::Busy => Refusal::new(ErrorCode::T02PeerBusy, "peer is busy."),
        UplinkError::Unreachable(_) | UplinkError::Broken(_) | UplinkError::Refused(_) => {
            Refusal::new(ErrorCode::T01PeerUnreachable, "peer is unreachable.")
        }
    }
}
