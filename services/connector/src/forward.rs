//! The exchange with the next peer. It ends with the packet's expiry, is repeated if that is safe, and its reply is
//! checked against the condition.
//!
//! If a reply is lost, the peer may have acted on the request. If the peer recognises repetitions, the same octets are
//! sent again until the expiry. If it does not, they are never sent again, and a missing reply counts as a refusal, as
//! everywhere in ILP over HTTP. A peer that has not said which is true gets packets too. If its very first reply is
//! lost, the outcome stays open until the peer answers.

use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Timestamp};
use ilp_packet::{ErrorCode, PrepareBuf, Reply, ildcp};
use tokio::sync::Notify;

use crate::accounts::PeerAccount;
use crate::breaker::BreakerChange;
use crate::outcome::{Stop, Transmission};
use crate::peer_state::Repeats;
use crate::ports::{Uplink, UplinkError};
use crate::refusal::Refusal;

/// The pauses between repetitions.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a peer may take to answer whether it recognises repetitions.
pub(crate) const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before a peer that did not answer this question is asked again. It does not apply while a reply of the
/// peer is missing.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The next peer's decision.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The peer has the proof that the receiver was paid.
    Fulfilled(Bytes),
    /// The peer refused. Its Reject is relayed unchanged.
    Rejected(Bytes),
}

/// Exchanges packets with peers.
pub(crate) struct Forwarder<'a> {
    pub(crate) uplink: &'a dyn Uplink,
    pub(crate) clock: &'a dyn Clock,
    /// How long after its expiry a reply is still awaited.
    pub(crate) grace: Duration,
    /// Notified of a peer's first answer, of failures, and when packets to a peer are stopped or pass again.
    pub(crate) changes: &'a Notify,
}

impl Forwarder<'_> {
    /// Asks `peer`, if needed, whether it recognises repetitions. The answer may stay unknown.
    ///
    /// It is in a header of every reply, so after the first packet to a peer there is nothing to ask. The only error is
    /// a failed connection. Then no packet would reach the peer either.
    pub(crate) async fn get_to_know(&self, peer: &PeerAccount) -> Result<(), UplinkError> {
        self.ask(peer, QUESTION_TIMEOUT, ASK_AGAIN_AFTER).await
    }

    /// Asks the same question when a reply is missing. The outcome depends on the answer, so the peer is asked even if
    /// it did not answer the question a moment ago.
    pub(crate) async fn find_out(&self, peer: &PeerAccount, at_most: Duration) {
        if let Err(error) = self.ask(peer, at_most, SHORTEST_PAUSE).await {
            tracing::warn!(peer.id = %peer.id(), %error, "the peer of a packet without a reply does not answer");
        }
    }

    /// Asks the peer, unless it left this question unanswered less than `pause` ago.
    async fn ask(&self, peer: &PeerAccount, at_most: Duration, pause: Duration) -> Result<(), UplinkError> {
        if peer.state.repeats() != Repeats::Unknown {
            return Ok(());
        }
        let mut last_unanswered_question = peer.state.last_unanswered_question.lock().await;
        let lately = last_unanswered_question.is_some_and(|at| self.clock.now().saturating_since(at) < pause);
        if lately || peer.state.repeats() != Repeats::Unknown {
            return Ok(());
        }
        let timeout = at_most.min(QUESTION_TIMEOUT);
        let question = ildcp::request(self.clock.now() + timeout);
        let question = question.map_err(|error| UplinkError::Refused(error.to_string()))?;
        match self.exchange(peer, question.into(), Transmission::First, timeout).await {
            Err(error @ UplinkError::Unreachable(_)) => return Err(error),
            Err(error) => {
                *last_unanswered_question = Some(self.clock.now());
                tracing::warn!(
                    peer.id = %peer.id(), %error,
                    "peer does not say whether it recognises repeated packets; each packet is sent to it once"
                );
            }
            Ok(_) => {}
        }
        Ok(())
    }

    /// Sends a packet without money once. The sender may send another one after any result.
    pub(crate) async fn forward_once(&self, peer: &PeerAccount, packet: &PrepareBuf) -> Result<Decision, Refusal> {
        let octets = packet.to_bytes();
        let left = (packet.expires_at() + self.grace).saturating_since(self.clock.now());
        let reply = self.exchange(peer, octets, Transmission::First, left).await.map_err(|error| no_reply(&error))?;
        match judge(peer, reply, packet) {
            Judged::Decision(decision) => Ok(decision),
            Judged::WrongFulfillment => Err(wrong_fulfillment()),
            Judged::NoPacket(error) => Err(no_reply(&error)),
        }
    }

    /// Sends `packet` and returns the peer's decision.
    ///
    /// [`Stop::Refused`] means that the peer did not fulfil it, or that it cannot be asked again.
    pub(crate) async fn forward(
        &self,
        peer: &PeerAccount,
        packet: &PrepareBuf,
        attempt: Transmission,
    ) -> Result<Decision, Stop> {
        let octets = packet.to_bytes();
        let until = packet.expires_at() + self.grace;
        let mut may_have_left = attempt == Transmission::Again;
        let mut pause = SHORTEST_PAUSE;
        let mut last = UplinkError::TimedOut;

        loop {
            let left = until.saturating_since(self.clock.now());
            if !left.is_zero() {
                let attempt = if may_have_left { Transmission::Again } else { Transmission::First };
                last = match self.exchange(peer, octets.clone(), attempt, left).await {
                    Ok(reply) => match judge(peer, reply, packet) {
                        Judged::Decision(decision) => return Ok(decision),
                        Judged::WrongFulfillment => return Err(wrong_fulfillment().into()),
                        Judged::NoPacket(error) => error,
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
        attempt: Transmission,
        at_most: Duration,
    ) -> Result<Bytes, UplinkError> {
        let began = self.clock.now();
        let exchange = self.uplink.exchange(peer, octets, attempt, at_most);
        let answer = tokio::time::timeout(at_most, exchange).await.unwrap_or(Err(UplinkError::TimedOut));

        let now = self.clock.now();
        match answer {
            // An answer without the header may come from another server, for example a proxy's error page. It does not
            // count as the peer's answer.
            Ok(answer) if !answer.repeatable && Reply::parse(&answer.octets).is_err() => {
                let error = UplinkError::Broken("the answer is not an ILP packet".to_owned());
                if peer.state.repeats() == Repeats::Unknown {
                    peer.state.never_repeats();
                }
                self.note_failure(peer, &error, at_most, began);
                Err(error)
            }
            Ok(answer) => {
                if peer.state.last_answer().is_none() {
                    self.changes.notify_one();
                }
                let repeats = if answer.repeatable { Repeats::Always } else { Repeats::Never };
                self.note_change(peer, peer.state.answered(repeats, now));
                Ok(answer.octets)
            }
            Err(UplinkError::Undecided) => {
                self.note_change(peer, peer.state.answered(Repeats::Always, now));
                Err(UplinkError::Undecided)
            }
            Err(error) => {
                self.note_failure(peer, &error, at_most, began);
                Err(error)
            }
        }
    }

    fn note_failure(&self, peer: &PeerAccount, error: &UplinkError, given: Duration, began: Timestamp) {
        let now = self.clock.now();
        peer.state.failed(now, error.to_string());
        self.changes.notify_one();
        if error.is_failure(given) && peer.state.breaker.failed(began, now) == BreakerChange::Changed {
            tracing::warn!(
                peer.id = %peer.id(), %error,
                "the peer does not answer; packets to it are refused at once until it answers again"
            );
        }
    }

    fn note_change(&self, peer: &PeerAccount, change: BreakerChange) {
        if change == BreakerChange::Changed {
            tracing::info!(peer.id = %peer.id(), "the peer answers again");
            self.changes.notify_one();
        }
    }
}

/// What the octets of a reply mean.
enum Judged {
    Decision(Decision),
    /// A Fulfill that does not prove the payment. The packet is refused for good.
    WrongFulfillment,
    /// Not a reply. The peer has not answered yet.
    NoPacket(UplinkError),
}

fn judge(peer: &PeerAccount, reply: Bytes, packet: &PrepareBuf) -> Judged {
    match Reply::parse(&reply) {
        Ok(Reply::Fulfill(fulfill)) if fulfill.fulfillment.satisfies(&packet.execution_condition()) => {
            Judged::Decision(Decision::Fulfilled(reply))
        }
        Ok(Reply::Fulfill(_)) => {
            tracing::warn!(peer.id = %peer.id(), "a peer answered with a wrong fulfillment");
            Judged::WrongFulfillment
        }
        Ok(Reply::Reject(_)) => Judged::Decision(Decision::Rejected(reply)),
        Err(error) => Judged::NoPacket(UplinkError::Broken(error.to_string())),
    }
}

fn wrong_fulfillment() -> Refusal {
    Refusal::new(ErrorCode::F05WrongCondition, "fulfillment did not match expected value.")
}

/// Temporary in every case: the sender may try again, and the peer may have recovered for the next packet.
pub(crate) fn no_reply(error: &UplinkError) -> Refusal {
    match error {
        UplinkError::TimedOut => Refusal::expired(),
        UplinkError::Busy => Refusal::new(ErrorCode::T02PeerBusy, "peer is busy."),
        UplinkError::Unreachable(_) | UplinkError::Undecided | UplinkError::Broken(_) | UplinkError::Refused(_) => {
            unreachable_peer()
        }
    }
}

/// T01: the peer does not answer.
pub(crate) fn unreachable_peer() -> Refusal {
    Refusal::new(ErrorCode::T01PeerUnreachable, "peer is unreachable.")
}
