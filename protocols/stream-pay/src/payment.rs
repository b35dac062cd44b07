//! Sends a quoted payment (RFC 29, section 4.4.2). It never sends more than the quote's maximum, and never delivers
//! less than the quote's minimum rate.
//! The quote is not made here; see `quoting`.
//!
//! Every packet states the least amount that the receiver may accept, so the rate is enforced packet by packet.
//! Rounding may cost the whole payment one source unit, and in addition the allowance that the quote contains. An error
//! does not undo what was sent: the outcome shows both.
//!
//! Every node rounds down, so a packet may deliver less than the rate says. The sender learns from packets how much
//! less. The last packet states all that is missing as its minimum. If a node reports that the last packet would
//! deliver too little, it is sent again with a larger source amount.

use std::time::Duration;

use clock::{Entropy, Timestamp};
use money::Ratio;
use stream::{Frame, Hashlock, Receipt, STREAM_ID, Verdict};

use crate::close::Closer;
use crate::error::PaymentError;
use crate::exchange::{Destination, Exchange, InFlight, OutgoingPacket, Settled};
use crate::packet_limit::PacketLimit;
use crate::poll::{OutgoingPrepare, Poll};
use crate::quote::{Quote, Target};

const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// After this many refusals for lack of liquidity, smaller packets are tried.
const LIQUIDITY_REFUSALS_MAX: u32 = 3;
/// After this many refusals that call the same amount worth nothing, the payment accepts that it is worth nothing. With
/// the pauses of the window between them this takes less than a second.
const WORTHLESS_REFUSALS_MAX: u32 = 5;

/// The quote cannot be paid: an amount is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payment needs a maximum source amount and a maximum packet amount above zero")]
pub struct InvalidQuote;

/// How a payment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended early, if it did.
    pub error: Option<PaymentError>,
    /// What left the sender.
    pub amount_sent: u64,
    /// What reached the receiver. It is never too high if the receiver is honest, and never below the minimum rate.
    pub amount_delivered: u64,
    /// The receipt with the greatest total, if the receiver gave receipts.
    pub receipt: Option<Vec<u8>>,
    /// The message of the receiving application when it refused ([`PaymentError::ApplicationError`]).
    pub application_data: Option<Vec<u8>>,
}

/// A payment in progress.
#[derive(Debug)]
pub struct Payment {
    exchange: Exchange,
    target: Target,
    max_source_amount: u64,
    min_delivery_amount: u64,
    min_rate: Ratio,
    data: Option<Vec<u8>>,
    idle_deadline: Option<Timestamp>,
    totals: Totals,
    /// What roundings may cost beyond the one source unit, according to the quote, in units of the destination.
    allowance: u64,
    /// The packet that uses up the one source unit for rounding, while it is outstanding or after it was fulfilled.
    conceded: Option<u64>,
    last: LastPacket,
    worthless: Worthless,
    receive_max: Option<u64>,
    receipt: Option<(u64, Vec<u8>)>,
    liquidity: Liquidity,
    error: Option<PaymentError>,
    application_data: Option<Vec<u8>>,
}

/// Amounts that are fulfilled or outstanding.
#[derive(Debug, Default)]
struct Totals {
    sent: u64,
    delivered: u64,
    source_in_flight: u64,
    destination_in_flight: u64,
}

/// Smaller packets, for a path that lacks liquidity.
#[derive(Debug, Default)]
struct Liquidity {
    refusals: u32,
    cap: Option<u64>,
}

/// The packet that has to deliver all that is missing.
#[derive(Debug, Default)]
struct LastPacket {
    outstanding: Option<u64>,
    short: Option<Short>,
}

/// The last packet would have delivered less than was missing.
#[derive(Clone, Copy, Debug)]
struct Short {
    missing: u64,
    source: u64,
    /// How much more the next packet sends.
    raise: u64,
}

/// The greatest amount that a node has called worth nothing since the last packet arrived, and the number of such
/// refusals.
#[derive(Debug, Default)]
struct Worthless {
    amount: u64,
    refusals: u32,
}

/// The amounts of the next packet.
struct Plan {
    source: u64,
    min_destination: u64,
    concedes: bool,
    /// Whether it has to deliver all that is missing.
    is_last: bool,
}

/// The purpose of a packet.
enum Purpose {
    /// Send this part of the amount that is left.
    Part(u64),
    /// Send this amount, which is all that is left.
    AllThatIsLeft(u64),
    /// Send this amount in order to deliver all that is missing.
    AllThatIsMissing { source: u64, missing: u64 },
}

impl Payment {
    /// A payment within the limits of `quote`.
    ///
    /// `data` is for the receiving application. Every packet carries it until the receiver has answered one. If a
    /// payment is resumed, the amounts of the quote are those that remain.
    pub fn new(destination: &Destination, quote: &Quote, data: Option<Vec<u8>>) -> Result<Self, InvalidQuote> {
        if quote.max_source_amount == 0 || quote.max_packet_amount == 0 {
            return Err(InvalidQuote);
        }
        Ok(Self {
            exchange: Exchange::new(destination, PacketLimit::precise(quote.max_packet_amount), quote.rates),
            target: quote.target,
            max_source_amount: quote.max_source_amount,
            min_delivery_amount: quote.min_delivery_amount,
            min_rate: quote.min_exchange_rate,
            data: data.filter(|data| !data.is_empty()),
            idle_deadline: None,
            totals: Totals::default(),
            allowance: quote.rounding_allowance,
            conceded: None,
            last: LastPacket::default(),
            worthless: Worthless::default(),
            receive_max: None,
            receipt: None,
            liquidity: Liquidity::default(),
            error: None,
            application_data: None,
        })
    }

    /// What has left the sender so far.
    pub fn amount_sent(&self) -> u64 {
        self.totals.sent
    }

    /// What has reached the receiver so far.
    pub fn amount_delivered(&self) -> u64 {
        self.totals.delivered
    }

    /// The outstanding amount, in the source asset.
    pub fn source_in_flight(&self) -> u64 {
        self.totals.source_in_flight
    }

    /// The next step.
    pub fn poll_prepare(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Outcome> {
        for packet in self.exchange.expire(now) {
            self.release(&packet);
            // The outcome of a packet is unknown, so nothing more is sent.
            self.error = self.error.or(Some(PaymentError::ConnectorError));
        }
        if self.error.is_none() && !self.is_complete() {
            match self.next_packet(now, entropy) {
                Ok(Step::Send(packet)) => return Poll::Send(packet),
                Ok(Step::WaitUntil(instant)) => return Poll::WaitUntil(instant),
                Ok(Step::AwaitReplies) => {}
                Err(error) => self.error = Some(error),
            }
        }
        match self.exchange.next_expiry() {
            Some(expiry) => Poll::WaitUntil(expiry),
            None => Poll::Done(self.outcome()),
        }
    }

    /// Sends no further packets. What is under way is waited for and counted.
    pub fn stop(&mut self) {
        self.error = self.error.or(Some(PaymentError::Stopped));
    }

    /// Takes the reply to packet `sequence`.
    pub fn handle_reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        let Some(settled) = self.exchange.settle(now, sequence, octets) else { return };
        if !settled.packet.timed_out {
            self.release(&settled.packet);
        }
        let violation = if settled.verdict == Verdict::Fulfilled {
            self.idle_deadline = Some(now + IDLE_TIMEOUT);
            self.liquidity.fulfilled(settled.packet.source_amount);
            self.last = LastPacket::default();
            self.worthless = Worthless::default();
            self.count_fulfilled(&settled)
        } else {
            self.conceded = self.conceded.filter(|conceded| *conceded != sequence);
            self.liquidity.rejected(&settled);
            self.learn_shortage(sequence, &settled);
            None
        };

        self.receive_max = self.receive_max.max(settled.receive_max);
        let receive_max = self.receive_max.is_some_and(|max| max < self.min_delivery_amount && !self.is_complete());
        let first = settled.error.or(violation).or(receive_max.then_some(PaymentError::IncompatibleReceiveMax));
        if self.error.is_none() && first == Some(PaymentError::ApplicationError) {
            self.application_data = settled.application_data;
        }
        self.error = self.error.or(first);
        self.keep_receipt(settled.receipt);
    }

    /// Closes the connection after the payment has ended.
    pub fn close(self) -> Closer {
        Closer::new(self.exchange.into_sender())
    }

    fn outcome(&self) -> Outcome {
        let receipt = self.receipt.as_ref().map(|(_, receipt)| receipt.clone());
        // What was under way may have been the last of it.
        let error = self.error.filter(|error| *error != PaymentError::Stopped || !self.is_complete());
        Outcome {
            error,
            amount_sent: self.totals.sent,
            amount_delivered: self.totals.delivered,
            receipt,
            application_data: self.application_data.clone(),
        }
    }

    fn is_complete(&self) -> bool {
        match self.target {
            Target::Send(_) => {
                let left = self.max_source_amount.saturating_sub(self.totals.sent);
                left == 0 || (self.worthless.is_believed(left) && self.totals.delivered >= self.min_delivery_amount)
            }
            Target::Deliver(_) => self.totals.delivered >= self.min_delivery_amount,
        }
    }

    fn release(&mut self, packet: &InFlight) {
        self.totals.source_in_flight = self.totals.source_in_flight.saturating_sub(packet.source_amount);
        self.totals.destination_in_flight =
            self.totals.destination_in_flight.saturating_sub(packet.destination_at_most);
    }

    fn count_fulfilled(&mut self, settled: &Settled) -> Option<PaymentError> {
        let promised = settled.packet.min_destination_amount;
        let reported = settled.destination_amount;
        self.totals.sent = self.totals.sent.saturating_add(settled.packet.source_amount);
        self.totals.delivered = self.totals.delivered.saturating_add(promised.max(reported.unwrap_or(0)));
        reported.is_none_or(|reported| reported < promised).then_some(PaymentError::ReceiverProtocolViolation)
    }

    fn keep_receipt(&mut self, receipt: Option<Vec<u8>>) {
        let Some(octets) = receipt else { return };
        let Ok(receipt) = Receipt::parse(&octets) else { return };
        if self.receipt.as_ref().is_none_or(|(total, _)| *total < receipt.total_received) {
            self.receipt = Some((receipt.total_received, octets));
        }
    }

    fn next_packet(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Result<Step, PaymentError> {
        // If there is application data, one packet is sent alone first, so that the application is asked once.
        let asks_first = self.data.is_some() && !self.exchange.is_established();
        if asks_first && self.exchange.outstanding() > 0 {
            return Ok(Step::AwaitReplies);
        }
        let Some(opens_at) = self.exchange.opens_at() else { return Ok(Step::AwaitReplies) };
        let Some(plan) = self.plan()? else { return Ok(Step::AwaitReplies) };
        let idle_deadline = *self.idle_deadline.get_or_insert(now + IDLE_TIMEOUT);
        if now >= idle_deadline {
            return Err(PaymentError::IdleTimeout);
        }
        if opens_at > now {
            let expiry = self.exchange.next_expiry().unwrap_or(idle_deadline);
            return Ok(Step::WaitUntil(opens_at.min(idle_deadline).min(expiry)));
        }
        self.send(&plan, asks_first, now, entropy).map(Step::Send)
    }

    /// The amounts of the next packet. `None` if outstanding packets cover everything that is needed.
    fn plan(&self) -> Result<Option<Plan>, PaymentError> {
        let reserved = self.totals.sent.saturating_add(self.totals.source_in_flight);
        let available = self.max_source_amount.saturating_sub(reserved);
        let nothing_outstanding = self.exchange.outstanding() == 0;
        if available == 0 {
            // Everything was sent, nothing is outstanding, and too little has been delivered.
            return if nothing_outstanding { Err(PaymentError::InsufficientExchangeRate) } else { Ok(None) };
        }
        let limit = self.exchange.limit.next().unwrap_or(u64::MAX);
        let limit = self.liquidity.cap.map_or(limit, |cap| cap.min(limit));
        let purpose = match self.target {
            Target::Send(_) => Some(self.next_of_fixed_send(available, limit)),
            Target::Deliver(_) => self.next_of_fixed_delivery(available, limit)?,
        };
        let Some(purpose) = purpose else { return Ok(None) };
        if self.worthless.is_believed(purpose.source()) {
            return if nothing_outstanding { Err(PaymentError::RemainderWorthless) } else { Ok(None) };
        }
        match self.with_minimum(&purpose)? {
            None if nothing_outstanding => Err(PaymentError::InsufficientExchangeRate),
            plan => Ok(plan),
        }
    }

    fn next_of_fixed_send(&self, available: u64, limit: u64) -> Purpose {
        let rest = available.saturating_sub(limit);
        if rest == 0 {
            return Purpose::AllThatIsLeft(available);
        }
        // If the rest alone would arrive as nothing, it shares its amount equally with the packet before it. It does
        // not if the two halves would lose more.
        let (half, arrives) = (available.div_ceil(2), |source| self.exchange.destination_at_least(source));
        let halves = arrives(half).saturating_add(arrives(available - half));
        let is_halved = rest < limit && arrives(rest) == 0 && halves >= arrives(limit);
        Purpose::Part(if is_halved { half } else { limit })
    }

    /// `None` if outstanding packets must be answered first.
    fn next_of_fixed_delivery(&self, available: u64, limit: u64) -> Result<Option<Purpose>, PaymentError> {
        let expected = self.totals.delivered.saturating_add(self.totals.destination_in_flight);
        let missing = self.min_delivery_amount.saturating_sub(expected);
        if missing == 0 {
            return Ok(None);
        }

        let by_rate = self.exchange.source_enough_for(missing).ok_or(PaymentError::InsufficientExchangeRate)?;
        let short = self.last.short.filter(|short| short.missing <= missing);
        let need = match short {
            // A small packet makes the rate look worse than it is. So the next amount is a step above the refused one,
            // and is not computed from the rate.
            Some(short) if short.missing == missing => short.source.saturating_add(short.raise),
            Some(short) => short.source.saturating_add(short.raise).max(by_rate),
            None => by_rate,
        };

        if need > limit && available > limit {
            return Ok(Some(Purpose::Part(limit)));
        }
        if self.exchange.outstanding() > 0 && self.exchange.is_uncertain() {
            return Ok(None);
        }

        let source = need.min(available);
        if short.is_some_and(|short| short.source >= source) && !self.worthless.covers(source) {
            // The whole rest was tried, and it does not deliver what is missing.
            let outstanding = self.exchange.outstanding() > 0;
            return if outstanding { Ok(None) } else { Err(PaymentError::InsufficientExchangeRate) };
        }
        Ok(Some(Purpose::AllThatIsMissing { source, missing }))
    }

    /// Adds the least amount that the packet has to deliver. `None` if the packet might deliver less than the payment
    /// needs.
    fn with_minimum(&self, purpose: &Purpose) -> Result<Option<Plan>, PaymentError> {
        let source = purpose.source();
        let concedes = !matches!(purpose, Purpose::Part(_)) && self.conceded.is_none();
        let enforced = if concedes { source - 1 } else { source };
        let by_rate = self.min_rate.checked_mul_ceil(enforced).ok_or(PaymentError::InsufficientExchangeRate)?;
        let least = self.least_for_the_whole(purpose, concedes);
        if let Purpose::AllThatIsMissing { missing, .. } = purpose {
            // The receiver accepts it only if it delivers all that is missing.
            let acceptable = *missing >= by_rate || least.is_some_and(|least| *missing >= least);
            return Ok(acceptable.then_some(Plan { source, min_destination: *missing, concedes, is_last: true }));
        }

        let expected = self.exchange.destination_at_least(source);
        let plan = Plan { source, min_destination: by_rate.min(expected), concedes, is_last: false };
        if expected >= by_rate {
            return Ok(Some(plan));
        }
        let roundings = self.exchange.rounding_at_most().saturating_add(self.allowance);
        // Only the payment as a whole shows whether the last packet keeps the rate.
        let keeps_rate = matches!(purpose, Purpose::AllThatIsLeft(_)) || by_rate - expected <= roundings;
        let Some(least) = least.filter(|_| keeps_rate) else { return Ok(None) };
        if plan.min_destination >= least {
            return Ok(Some(plan));
        }
        // Other amounts lost other fractions to rounding, so this packet may deliver more than they suggest.
        let may_arrive = matches!(purpose, Purpose::AllThatIsLeft(_)) && !self.is_known_to_fall_short(source, least);
        let asks = may_arrive && self.exchange.outstanding() == 0;
        Ok(asks.then_some(Plan { min_destination: least, is_last: true, ..plan }))
    }

    /// Whether a packet of `source` or more was refused because it would have delivered less than `wanted`.
    fn is_known_to_fall_short(&self, source: u64, wanted: u64) -> bool {
        let short = self.last.short.is_some_and(|short| short.source >= source && short.missing <= wanted);
        short && !self.worthless.covers(source)
    }

    /// Learns from a refused packet that the last packet needs more, or that an amount is worth nothing.
    fn learn_shortage(&mut self, sequence: u64, settled: &Settled) {
        let source = settled.packet.source_amount;
        if settled.is_worthless() {
            self.worthless.refused(source);
        }
        if self.last.outstanding != Some(sequence) {
            return;
        }
        self.last.outstanding = None;
        let missing = settled.packet.min_destination_amount;
        let Some(arrived) = settled.arrived().filter(|arrived| *arrived < missing) else { return };
        let before = self.last.short.filter(|short| short.source < source).map_or(0, |short| short.raise);
        // The first step is small, so that the payer does not pay more than needed. Each further step is twice as
        // large.
        let more = self.exchange.rates.source_at_least_for(missing - arrived).max(1);
        self.last.short = Some(Short { missing, source, raise: more.max(before.saturating_mul(2)) });
        if source < self.max_source_amount.saturating_sub(self.totals.sent) {
            self.exchange.window.go_on();
        }
    }

    /// What the packet has to deliver so that the payment as a whole keeps its minimum rate. One source unit and the
    /// quote's allowance may be lost to rounding. `None` if no packet can achieve it.
    ///
    /// A small packet may lose up to one unit to rounding, which can be more than the rate allows for it. Earlier
    /// packets may have delivered more than their minimum, and this surplus can cover the loss. An outstanding packet
    /// counts only if it uses part of the surplus.
    fn least_for_the_whole(&self, purpose: &Purpose, concedes: bool) -> Option<u64> {
        let takes = |packet: &&InFlight| {
            let full = self.min_rate.checked_mul_ceil(packet.source_amount);
            !packet.timed_out && full.is_none_or(|full| full > packet.min_destination_amount)
        };
        let (mut sent, mut delivered) = (self.totals.sent, self.totals.delivered);
        for packet in self.exchange.in_flight.values().filter(takes) {
            sent = sent.saturating_add(packet.source_amount);
            delivered = delivered.saturating_add(packet.min_destination_amount);
        }
        // The one source unit may be used once: by this packet, or by a packet that was fulfilled. Another packet that
        // is outstanding may be refused and use the unit later, so this packet does not rely on it meanwhile.
        let given = self.conceded.is_some_and(|sequence| !self.exchange.in_flight.contains_key(&sequence));
        let enforced = sent.saturating_add(purpose.source()).saturating_sub(u64::from(concedes || given));
        let needed = self.min_rate.checked_mul_ceil(enforced)?;
        // Full packets may lose more to rounding than the payment as a whole, because the rest may lose less.
        let is_part = matches!(purpose, Purpose::Part(_));
        let allowance = if is_part { self.allowance.saturating_mul(2) } else { self.allowance };
        Some(needed.saturating_sub(delivered).saturating_sub(allowance))
    }

    fn send(
        &mut self,
        plan: &Plan,
        with_data: bool,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<OutgoingPrepare, PaymentError> {
        let money = Frame::StreamMoney { stream_id: STREAM_ID, shares: 1 };
        let data = self.data.as_deref().unwrap_or_default();
        let frames = [Frame::StreamData { stream_id: STREAM_ID, offset: 0, data }, money];
        let attempt = OutgoingPacket {
            source_amount: plan.source,
            min_destination_amount: plan.min_destination,
            hashlock: Hashlock::Fulfillable,
            frames: if with_data { &frames } else { &frames[1..] },
        };

        let packet = self.exchange.send(&attempt, now, entropy)?;
        let at_most = self.exchange.rates.destination_at_most(plan.source);
        self.totals.source_in_flight = self.totals.source_in_flight.saturating_add(plan.source);
        self.totals.destination_in_flight = self.totals.destination_in_flight.saturating_add(at_most);
        if plan.concedes {
            self.conceded = Some(packet.sequence);
        }

        if plan.is_last {
            self.last.outstanding = Some(packet.sequence);
        }
        Ok(packet)
    }
}

impl Purpose {
    fn source(&self) -> u64 {
        match self {
            Self::Part(source) | Self::AllThatIsLeft(source) | Self::AllThatIsMissing { source, .. } => *source,
        }
    }
}

impl Worthless {
    fn refused(&mut self, amount: u64) {
        if amount > self.amount {
            *self = Self { amount, refusals: 0 };
        }
        self.refusals += 1;
    }

    fn covers(&self, amount: u64) -> bool {
        amount <= self.amount
    }

    fn is_believed(&self, amount: u64) -> bool {
        self.refusals >= WORTHLESS_REFUSALS_MAX && self.covers(amount)
    }
}

enum Step {
    Send(OutgoingPrepare),
    WaitUntil(Timestamp),
    AwaitReplies,
}

impl Liquidity {
    fn fulfilled(&mut self, amount: u64) {
        self.refusals = 0;
        // The amount may double from here on. It needs no exact value before it reaches the cap.
        self.cap = self.cap.and_then(|cap| cap.max(amount).checked_mul(2));
    }

    fn rejected(&mut self, settled: &Settled) {
        let Verdict::Rejected { code: ilp_packet::ErrorCode::T04InsufficientLiquidity, .. } = settled.verdict else {
            return;
        };
        self.refusals += 1;
        if self.refusals >= LIQUIDITY_REFUSALS_MAX {
            self.refusals = 0;
            self.cap = Some((settled.packet.source_amount / 2).max(1));
        }
    }
}
