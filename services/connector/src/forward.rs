//! The exchange with the next peer: bounded by the packet's expiry, repeated where that is safe, its reply checked
//! against the condition.
//!
//! A request whose reply is lost may have been acted upon. Towards a peer that recognises repetitions the same octets
//! are sent again until the expiry; towards a peer that does not never, and its silence counts as a refusal, as it
//! does everywhere in ILP over HTTP. A peer that does not say gets packets all the same; only if a reply of it is
//! missing before it has answered anything, the outcome stays open until it answers.

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
pub(crate) const QUESTION_LIFE: Duration = Duration::from_secs(5);

/// How long a peer that did not say is left alone with that question, as long as no reply of it is missing.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);

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
    /// Asks `peer`, if need be, whether it recognises repetitions. Afterwards that may still be unknown.
    ///
    /// The answer is in a header of any reply, so after the first packet to a peer there is nothing to ask. The only
    /// error is that there is no connection: then no packet would reach the peer either.
    pub(crate) async fn get_to_know(&self, peer: &PeerAccount) -> Result<(), UplinkError> {
        self.ask(peer, QUESTION_LIFE, ASK_AGAIN_AFTER).await
    }

    /// The same where a reply is missing and the answer decides what becomes of it, so that it is worth a question
    /// however lately there was none answered.
    pub(crate) async fn find_out(&self, peer: &PeerAccount, at_most: Duration) {
        if let Err(error) = self.ask(peer, at_most, SHORTEST_PAUSE).await {
            tracing::warn!(peer.id = %peer.id(), %error, "peer of a packet without reply does not answer");
        }
    }

    /// Asks, unless the peer was asked in vain less than `pause` ago.
    async fn ask(&self, peer: &PeerAccount, at_most: Duration, pause: Duration) -> Result<(), UplinkError> {
        if peer.state.repeats() != Repeats::Unknown {
            return Ok(());
        }
        let mut asked_in_vain = peer.state.asked_in_vain.lock().await;
        let lately = asked_in_vain.is_some_and(|at| self.clock.now().saturating_since(at) < pause);
        if lately || peer.state.repeats() != Repeats::Unknown {
            return Ok(());
        }
        let life = at_most.min(QUESTION_LIFE);
        let question = ildcp::request(self.clock.now() + life);
        let question = question.map_err(|error| UplinkError::Refused(error.to_string()))?;
        match self.exchange(peer, question.into(), Attempt::First, life).await {
            Err(error @ UplinkError::Unreachable(_)) => return Err(error),
            Err(error) => {
                *asked_in_vain = Some(self.clock.now());
                tracing::warn!(
                    peer.id = %peer.id(), %error,
                    "peer does not say whether it recognises repeated packets; packets go to it unrepeated"
                );
            }
            Ok(_) => {}
        }
        Ok(())
    }

    /// Sends a packet that moves no money once: whatever becomes of it, a sender may make another.
    pub(crate) async fn forward_once(&self, peer: &PeerAccount, packet: &PrepareBuf) -> Result<Decision, Refusal> {
        let octets = packet.to_bytes();
        let left = (packet.expires_at() + self.grace).saturating_since(self.clock.now());
        let reply = self.exchange(peer, octets, Attempt::First, left).await.map_err(|error| no_reply(&error))?;
        judge(peer, reply, packet).map_err(|error| no_reply(&error))?
    }

    /// Sends `packet` and gives the peer's decision.
    ///
    /// [`Stop::Refused`] means that the peer certainly did not fulfil it, or is one that cannot be asked again.
    pub(crate) async fn forward(
        &self,
        peer: &PeerAccount,
        packet: &PrepareBuf,
        attempt: Attempt,
    ) -> Result<Decision, Stop> {
        let octets = packet.to_bytes();
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
            if !may_have_left {
                return Err(no_reply(&last).into());
            }
            let left = until.saturating_since(self.clock.now());
            if !left.is_zero() {
                self.find_out(peer, left).await;
            }
            let left = until.saturating_since(self.clock.now());
            match peer.state.repeats() {
                Repeats::Never => return Err(no_reply(&last).into()),
                Repeats::Unknown => return Err(Stop::Unresolved),
                Repeats::Always if left.is_zero() => return Err(Stop::Unresolved),
                Repeats::Always => {}
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
        match tokio::time::timeout(at_most, exchange).await.unwrap_or(Err(UplinkError::TimedOut)) {
            // Whatever answers in the place of a peer that recognises repetitions, a page of its proxy for example,
            // does not speak for it.
            Ok(answer) if !answer.repeatable && Reply::parse(&answer.octets).is_err() => {
                let error = UplinkError::Broken("the answer is no ILP packet".to_owned());
                if peer.state.repeats() == Repeats::Unknown {
                    peer.state.answered(Repeats::Never);
                }
                peer.state.failed(self.clock.now(), error.to_string());
                Err(error)
            }
            Ok(answer) => {
                peer.state.answered(if answer.repeatable { Repeats::Always } else { Repeats::Never });
                Ok(answer.octets)
            }
            Err(error) => {
                peer.state.failed(self.clock.now(), error.to_string());
                Err(error)
            }
        }
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
