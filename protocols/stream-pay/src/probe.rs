//! Measures what a path delivers and how large its packets may be, without moving money. It sends unfulfillable
//! packets, and the receiver answers with what arrived (RFC 29, section 6).
//! The exact amounts of a payment are probed by `quoting`.
//!
//! On a path without a maximum, one packet of 10^12 units is enough. If a node reports a maximum, that maximum is
//! probed next, together with the greatest power of ten below it, whose result shows the rate with most digits. If no
//! node reports a maximum, smaller powers of ten are tried at once, and the maximum is approached by halving. If 10^12
//! units are worth nothing or almost nothing, the probe tries the greatest amount that a payment may have, because it
//! shows the rate better.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use clock::{Entropy, Timestamp};
use stream::Hashlock;

use crate::close::Closer;
use crate::error::PaymentError;
use crate::exchange::{Destination, Exchange, OutgoingPacket};
use crate::packet_limit::{PROBE_MAX, PacketLimit};
use crate::poll::{OutgoingPrepare, Poll};
use crate::rate_bounds::RateBounds;

const DEADLINE: Duration = Duration::from_secs(10);
/// The smallest amount that is tried before the maximum is approached by halving.
const PROBE_MIN: u64 = 1000;
/// After this many rounds without news, a path that only lacks liquidity is used as it is.
const BARREN_ROUNDS_MAX: u32 = 3;

/// The greatest amount of a payment, because the stores use signed 64-bit integers.
pub(crate) const LARGEST: u64 = i64::MAX.unsigned_abs();
/// The greatest probe has to arrive as this amount or more, so that the rate is exact to one part in ten thousand.
const ARRIVAL_MIN: u64 = 10_000;

/// What the probe has measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathEstimate {
    /// The rate: destination units per source unit.
    pub rates: RateBounds,
    /// The most that one packet carries; 2^64−1 if no maximum is known.
    pub max_packet_amount: u64,
}

/// A running probe.
#[derive(Debug)]
pub struct RateProbe {
    pub(crate) exchange: Exchange,
    pub(crate) deadline: Option<Timestamp>,
    queue: VecDeque<u64>,
    /// For each amount, what it arrived as.
    pub(crate) arrivals: BTreeMap<u64, u64>,
    /// The limit and the acknowledged amount when the current round began.
    before: (Option<u64>, u64),
    rounds: u32,
    barren_rounds: u32,
    tried_largest: bool,
    pub(crate) failure: Option<PaymentError>,
}

impl RateProbe {
    /// A probe of the path to `destination`.
    pub fn new(destination: &Destination) -> Self {
        Self {
            exchange: Exchange::new(destination, PacketLimit::unknown(), RateBounds::unknown()),
            deadline: None,
            queue: VecDeque::new(),
            arrivals: BTreeMap::from([(0, 0)]),
            before: (None, 0),
            rounds: 0,
            barren_rounds: 0,
            tried_largest: false,
            failure: None,
        }
    }

    /// The same probe. Its first round also tries this amount.
    pub(crate) fn asking_for(mut self, amount: u64) -> Self {
        self.queue.push_back(PROBE_MAX);
        if amount != PROBE_MAX {
            self.queue.push_back(amount);
        }
        self.rounds = 1;
        self
    }

    /// The next step. Packets to be sent are unfulfillable: no money moves.
    pub fn poll_prepare(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Result<PathEstimate, PaymentError>> {
        let deadline = *self.deadline.get_or_insert(now + DEADLINE);
        self.exchange.expire(now);
        if let Some(error) = self.failure {
            return Poll::Done(Err(error));
        }

        if self.exchange.outstanding() == 0 && self.queue.is_empty() && !self.is_done() {
            self.plan_round();
        }
        // On a path without a maximum, the answer to the greatest probe is enough.
        let answered = self.queue.is_empty() && (!self.tried_largest || self.exchange.outstanding() == 0);
        let is_enough = self.exchange.limit.is_unknown() && !self.tried_largest;
        if self.is_done() && (answered || is_enough) {
            return Poll::Done(Ok(self.estimate()));
        }

        if now >= deadline {
            return Poll::Done(Err(PaymentError::RateProbeFailed));
        }
        let Some(amount) = self.queue.front().copied() else { return Poll::WaitUntil(deadline) };
        match self.exchange.opens_at() {
            Some(opens_at) if opens_at <= now => {
                self.queue.pop_front();
                match self.send(amount, now, entropy) {
                    Ok(packet) => Poll::Send(packet),
                    Err(error) => Poll::Done(Err(error)),
                }
            }
            Some(opens_at) => Poll::WaitUntil(opens_at.min(deadline)),
            None => Poll::WaitUntil(deadline),
        }
    }

    /// Takes the reply to packet `sequence`.
    pub fn handle_reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        let limit_before = self.exchange.limit.next();
        let Some(settled) = self.exchange.settle(now, sequence, octets) else { return };
        self.failure = self.failure.or(settled.error);
        if let Some(arrived) = settled.arrived() {
            self.arrivals.insert(settled.packet.source_amount, arrived);
        }
        if self.exchange.limit.next() != limit_before {
            // Queued amounts above the new limit would be refused, too.
            let limit = self.exchange.limit;
            self.queue.retain(|amount| limit.next().is_none_or(|next| !limit.is_precise() || *amount <= next));
        }
    }

    /// Closes the connection after the probe has ended.
    pub fn close(self) -> Closer {
        Closer::new(self.exchange.into_sender())
    }

    pub(crate) fn send(
        &mut self,
        amount: u64,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<OutgoingPrepare, PaymentError> {
        let attempt = OutgoingPacket {
            source_amount: amount,
            min_destination_amount: 0,
            hashlock: Hashlock::Unfulfillable,
            frames: &[],
        };
        self.exchange.send(&attempt, now, entropy)
    }

    /// Whether the maximum is known and the rate has enough digits, as far as the path allows.
    fn is_done(&self) -> bool {
        self.exchange.limit.is_verified() && !self.shows_too_little()
    }

    /// Whether 10^12 units arrived as almost nothing, and a greater amount was not tried yet.
    fn shows_too_little(&self) -> bool {
        let little = self.arrivals.get(&PROBE_MAX).is_some_and(|arrived| *arrived < ARRIVAL_MIN);
        little && self.exchange.limit.is_unknown() && !self.tried_largest
    }

    /// Fills the queue according to what is known. All packets sent so far have been answered.
    fn plan_round(&mut self) {
        if self.shows_too_little() {
            self.tried_largest = true;
            self.queue.push_back(LARGEST);
            return;
        }

        let limit = &mut self.exchange.limit;
        let known = (limit.next(), limit.verified());
        if self.rounds > 1 && known == self.before {
            self.barren_rounds += 1;
            let lacks_liquidity = limit.is_unknown() || self.barren_rounds >= BARREN_ROUNDS_MAX;
            if lacks_liquidity && limit.verified() > 0 {
                limit.settle_for_verified();
                return;
            }
        }

        self.before = known;
        self.rounds += 1;
        match limit.next() {
            _ if self.rounds == 1 => self.queue.push_back(PROBE_MAX),
            Some(maximum) if limit.is_precise() => {
                self.queue.extend(powers_of_ten().find(|power| *power < maximum));
                self.queue.push_back(maximum);
            }
            Some(halfway) if self.rounds > 2 => self.queue.push_back(halfway),
            // This also holds if nothing has arrived at all. The window's pauses between these rounds grow longer.
            Some(_) | None => self.queue.extend(powers_of_ten().skip(usize::from(self.rounds == 2))),
        }
    }

    /// What is known about the path now.
    pub(crate) fn estimate(&self) -> PathEstimate {
        PathEstimate { rates: self.exchange.rates, max_packet_amount: self.exchange.limit.next().unwrap_or(u64::MAX) }
    }
}

/// 10^12, 10^11, … 10^3.
fn powers_of_ten() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(PROBE_MAX), |power| (*power > PROBE_MIN).then_some(power / 10))
}
