//! Makes a quote that can be kept: unfulfillable packets show what the exact amounts of the payment arrive as (RFC 29,
//! section 6).
//! The rate itself is measured by `probe`.
//!
//! Every node rounds down, and the rate does not show what this costs a small packet. If the amounts according to the
//! rate alone would not arrive, a fixed send promises what does arrive, and a fixed delivery sends the least amount
//! that is enough.

use clock::{Entropy, Timestamp};
use money::Ratio;

use crate::close::Closer;
use crate::error::PaymentError;
use crate::exchange::Destination;
use crate::poll::{OutgoingPrepare, Poll};
use crate::probe::{LARGEST, PathEstimate, RateProbe};
use crate::quote::{Quote, QuoteTerms, Target};
use crate::rate_bounds::RateBounds;

/// How many amounts are probed at the same time.
const AT_ONCE: u64 = 15;
/// After this many rounds without news, the quote is made from the rate alone.
const BARREN_ROUNDS_MAX: u32 = 3;

/// Why there is no quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoQuote {
    /// The path cannot be used, or the amount cannot be quoted.
    #[error(transparent)]
    Path(#[from] PaymentError),
    /// Nothing would arrive.
    #[error("nothing would be delivered")]
    TooSmall {
        /// The least amount that delivers something; `None` if no such amount is known.
        min_send_amount: Option<u64>,
    },
}

/// A quote that is being made.
#[derive(Debug)]
pub struct Quoting {
    probe: RateProbe,
    terms: QuoteTerms,
    path_known: bool,
    to_ask: Vec<u64>,
    /// The number of known arrivals and the maximum when the current round began.
    known_before: (usize, u64),
    barren_rounds: u32,
}

/// Why there is no quote yet, or why there will be none.
enum Unquoted {
    /// These amounts must be probed first.
    Probe(Vec<u64>),
    /// There will be no quote.
    Refused(NoQuote),
}

impl From<NoQuote> for Unquoted {
    fn from(error: NoQuote) -> Self {
        Self::Refused(error)
    }
}

impl From<PaymentError> for Unquoted {
    fn from(error: PaymentError) -> Self {
        Self::Refused(error.into())
    }
}

impl Quoting {
    /// Starts a quote with these terms over the path to `destination`.
    pub fn new(destination: &Destination, terms: QuoteTerms) -> Self {
        let probe = RateProbe::new(destination);
        let probe = match terms.max_source_amount() {
            Ok(amount) => probe.asking_for(amount),
            Err(_) => probe,
        };
        Self { probe, terms, path_known: false, to_ask: Vec::new(), known_before: (0, 0), barren_rounds: 0 }
    }

    /// The next step. Packets to be sent are unfulfillable: no money moves.
    pub fn poll_prepare(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Result<Quote, NoQuote>> {
        if !self.path_known {
            match self.probe.poll_prepare(now, entropy) {
                Poll::Send(packet) => return Poll::Send(packet),
                Poll::WaitUntil(instant) => return Poll::WaitUntil(instant),
                Poll::Done(Err(error)) => return Poll::Done(Err(error.into())),
                Poll::Done(Ok(_)) => self.path_known = true,
            }
        }

        self.probe.exchange.expire(now);
        if let Some(error) = self.probe.failure {
            return Poll::Done(Err(error.into()));
        }
        if self.to_ask.is_empty() && self.probe.exchange.outstanding() == 0 {
            match self.quote() {
                Ok(quote) => return Poll::Done(Ok(quote)),
                Err(Unquoted::Refused(error)) => return Poll::Done(Err(error)),
                Err(Unquoted::Probe(amounts)) => self.to_ask = amounts,
            }
            if self.is_barren() {
                return Poll::Done(self.terms.quote(&self.path()).map_err(NoQuote::from));
            }
        }

        match self.ask(now, entropy) {
            Ok(step) => step,
            Err(error) => Poll::Done(Err(error.into())),
        }
    }

    /// Takes the reply to packet `sequence`.
    pub fn handle_reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        self.probe.handle_reply(now, sequence, octets);
    }

    /// Closes the connection after the quote has been made.
    pub fn close(self) -> Closer {
        self.probe.close()
    }

    fn ask(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Result<Poll<Result<Quote, NoQuote>>, PaymentError> {
        let deadline = self.probe.deadline.unwrap_or(now);
        if now >= deadline {
            return Err(PaymentError::RateProbeFailed);
        }
        let Some(amount) = self.to_ask.last().copied() else { return Ok(Poll::WaitUntil(deadline)) };
        match self.probe.exchange.opens_at() {
            Some(opens_at) if opens_at <= now => {
                self.to_ask.pop();
                self.send(amount, now, entropy).map(Poll::Send)
            }
            Some(opens_at) => Ok(Poll::WaitUntil(opens_at.min(deadline))),
            None => Ok(Poll::WaitUntil(deadline)),
        }
    }

    fn send(&mut self, amount: u64, now: Timestamp, entropy: &dyn Entropy) -> Result<OutgoingPrepare, PaymentError> {
        self.probe.send(amount, now, entropy)
    }

    /// Whether several rounds in a row brought only temporary refusals.
    fn is_barren(&mut self) -> bool {
        let known = (self.probe.arrivals.len(), self.probe.estimate().max_packet_amount);
        self.barren_rounds = if known == self.known_before { self.barren_rounds + 1 } else { 0 };
        self.known_before = known;
        self.barren_rounds > BARREN_ROUNDS_MAX
    }

    fn quote(&self) -> Result<Quote, Unquoted> {
        let path = self.path();
        if path.rates.low() < self.terms.min_rate() {
            self.look_for_better_rate(&path)?;
        }
        let by_rate = self.terms.quote(&path)?;
        match self.terms.target() {
            Target::Send(amount) => self.fixed_send(amount, by_rate, &path),
            Target::Deliver(amount) => self.fixed_delivery(amount, by_rate, &path),
        }
    }

    /// Promises what arrives of `amount` after the roundings of the whole path.
    fn fixed_send(&self, amount: u64, by_rate: Quote, path: &PathEstimate) -> Result<Quote, Unquoted> {
        let largest = path.max_packet_amount;
        let (packets, rest) = (amount / largest, amount % largest);
        let full = if packets > 0 { self.arrival(largest)? } else { 0 };
        let arrives = u128::from(packets) * u128::from(full) + u128::from(self.arrival(rest)?);
        let arrives = u64::try_from(arrives).unwrap_or(u64::MAX);
        if arrives == 0 {
            let min_send_amount = self.least_for(1, path)?;
            return Err(NoQuote::TooSmall { min_send_amount }.into());
        }
        let min_delivery_amount = by_rate.min_delivery_amount.max(self.terms.least_promise()).min(arrives);
        Ok(by_rate.with_amounts(amount, min_delivery_amount))
    }

    /// Finds the amount that is enough to deliver `amount`: the one according to the rate, or more if the roundings of
    /// the whole path require it.
    fn fixed_delivery(&self, amount: u64, by_rate: Quote, path: &PathEstimate) -> Result<Quote, Unquoted> {
        let too_large = || Unquoted::from(PaymentError::InvalidDestinationAmount);
        let largest = path.max_packet_amount;
        let (mut spent, mut rest) = (0, amount);
        if largest < LARGEST {
            let full = self.arrival(largest)?;
            if full == 0 {
                return Err(NoQuote::TooSmall { min_send_amount: None }.into());
            }
            let packets = (amount - 1) / full;
            let taken = packets.checked_mul(largest).ok_or_else(too_large)?;
            (spent, rest) = (taken, amount - packets * full);
        }
        let left = by_rate.max_source_amount.saturating_sub(spent).min(largest);
        if self.arrival(left)? >= rest {
            return Ok(by_rate);
        }
        let needed = self.least_for(rest, path)?.ok_or_else(too_large)?;
        let max_source_amount = spent.checked_add(needed).ok_or_else(too_large)?;
        Ok(by_rate.with_amounts(max_source_amount.max(by_rate.max_source_amount), amount))
    }

    /// On a path with coarse units, the rate shows best at the least amount that delivers as much as the largest
    /// packet.
    fn look_for_better_rate(&self, path: &PathEstimate) -> Result<(), Unquoted> {
        let arrived = self.arrival(path.max_packet_amount.min(LARGEST))?;
        if arrived > 0 {
            self.least_for(arrived, path)?;
        }
        Ok(())
    }

    /// What is known about the path. The rate is the best one seen, because roundings only make a rate look worse.
    fn path(&self) -> PathEstimate {
        let estimate = self.probe.estimate();
        let rate = |(amount, arrived): (&u64, &u64)| {
            let low = Ratio::new((*arrived).into(), (*amount).into()).ok()?;
            let high = Ratio::new(u128::from(*arrived) + 1, (*amount).into()).ok()?;
            Some((low, high))
        };
        let best = self.probe.arrivals.iter().filter_map(rate).max_by_key(|(low, _)| *low);
        let rates = match best {
            Some((low, high)) => {
                RateBounds::new(low, if estimate.rates.high() > low { estimate.rates.high() } else { high })
            }
            None => estimate.rates,
        };
        PathEstimate { rates, ..estimate }
    }

    /// What a packet of `amount` delivers.
    fn arrival(&self, amount: u64) -> Result<u64, Unquoted> {
        self.probe.arrivals.get(&amount).copied().ok_or_else(|| Unquoted::Probe(vec![amount]))
    }

    /// The smallest packet that delivers `wanted` or more; `None` if the largest packet does not.
    ///
    /// A larger packet never delivers less. So the search has a lower and an upper bound, and divides the amounts
    /// between them into parts.
    fn least_for(&self, wanted: u64, path: &PathEstimate) -> Result<Option<u64>, Unquoted> {
        let largest = path.max_packet_amount.min(LARGEST);
        let known = || self.probe.arrivals.range(..=largest);
        let enough = known().find(|(_, arrived)| **arrived >= wanted).map(|(amount, _)| *amount);
        let before_enough = known().take_while(|(_, arrived)| **arrived < wanted).last();
        let too_little = before_enough.map_or(0, |(amount, _)| *amount);
        match enough {
            Some(enough) if enough - too_little <= 1 => Ok(Some(enough)),
            Some(enough) => Err(Unquoted::Probe(between(too_little, enough))),
            None if too_little == largest => Ok(None),
            None => {
                let guess = first_guess(wanted, path);
                Err(Unquoted::Probe(upwards(guess, too_little, first_guess(1, path), largest)))
            }
        }
    }
}

/// How many source units deliver `wanted`, according to the rate alone.
fn first_guess(wanted: u64, path: &PathEstimate) -> u64 {
    path.rates.low().checked_div_ceil(wanted).unwrap_or(LARGEST)
}

/// Amounts that divide the range between two others into equal parts.
fn between(low: u64, high: u64) -> Vec<u64> {
    let width = u128::from(high - low);
    let parts = u128::from(AT_ONCE) + 1;
    let cut = |part: u64| low + u64::try_from(width * u128::from(part) / parts).unwrap_or(0);
    let mut amounts: Vec<u64> = (1..=AT_ONCE).map(cut).filter(|amount| *amount > low).collect();
    amounts.dedup();
    amounts
}

/// The amount below the guess, the guess, and amounts above it. Each step up is twice as large as the one before.
fn upwards(guess: u64, too_little: u64, unit: u64, largest: u64) -> Vec<u64> {
    let start = guess.max(too_little.saturating_add(1));
    let step = unit.max(too_little.saturating_sub(guess));
    let above = (0..AT_ONCE - 1).map(|i| start.saturating_add(step.saturating_mul((1 << i) - 1)));
    let mut amounts: Vec<u64> = std::iter::once(start - 1).chain(above).map(|amount| amount.min(largest)).collect();
    amounts.retain(|amount| *amount > too_little);
    amounts.dedup();
    amounts
}
