//! Sending a quoted payment (RFC 29, section 4.4.2): never more than its maximum leaves, and never less arrives than its
//! minimum rate.
//!
//! Every packet names the least the receiver may accept, so the rate is enforced packet by packet; one source unit of
//! the whole payment is conceded to rounding. Errors do not undo what was sent: the outcome tells both.

use std::time::Duration;

use clock::{Entropy, Timestamp};
use money::Ratio;
use stream::{Frame, Hashlock, Receipt, STREAM_ID, Verdict};

use crate::close::Closer;
use crate::error::PaymentError;
use crate::exchange::{Attempt, Destination, Exchange, InFlight, Settled};
use crate::packet_limit::PacketLimit;
use crate::poll::{OutgoingPrepare, Poll};
use crate::quote::{Quote, Target};

const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Refusals for want of liquidity after which smaller packets are tried.
const LIQUIDITY_REFUSALS_MAX: u32 = 3;

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
    /// What reached the receiver; never overstated while the receiver is honest, and never below the minimum rate.
    pub amount_delivered: u64,
    /// The receipt with the greatest total, if the receiver gave any.
    pub receipt: Option<Vec<u8>>,
    /// What the receiving application said when it refused ([`PaymentError::ApplicationError`]).
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
    /// The packet that concedes the rounding, while it is outstanding or has been fulfilled.
    conceded: Option<u64>,
    receive_max: Option<u64>,
    receipt: Option<(u64, Vec<u8>)>,
    liquidity: Liquidity,
    error: Option<PaymentError>,
    application_data: Option<Vec<u8>>,
}

/// Amounts fulfilled and outstanding.
#[derive(Debug, Default)]
struct Totals {
    sent: u64,
    delivered: u64,
    source_in_flight: u64,
    destination_in_flight: u64,
}

/// Smaller packets for a path that lacks liquidity.
#[derive(Debug, Default)]
struct Liquidity {
    refusals: u32,
    cap: Option<u64>,
}

/// Amounts of the next packet.
struct Plan {
    source: u64,
    min_destination: u64,
    concedes: bool,
}

impl Payment {
    /// A payment within the limits of `quote`.
    ///
    /// `data` goes to the receiving application with every packet until the receiver has answered one. For a payment
    /// that is resumed, the amounts of the quote are what remains.
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
            conceded: None,
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

    /// What is outstanding, in the source asset.
    pub fn source_in_flight(&self) -> u64 {
        self.totals.source_in_flight
    }

    /// The next step.
    pub fn poll_prepare(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Outcome> {
        for packet in self.exchange.expire(now) {
            self.release(&packet);
            // Nobody knows what became of it, so nothing more is sent.
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

    /// Takes the reply to packet `sequence`.
    pub fn handle_reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        let Some(settled) = self.exchange.settle(now, sequence, octets) else { return };
        if !settled.packet.timed_out {
            self.release(&settled.packet);
        }
        let violation = if settled.verdict == Verdict::Fulfilled {
            self.idle_deadline = Some(now + IDLE_TIMEOUT);
            self.liquidity.fulfilled(settled.packet.source_amount);
            self.count_fulfilled(&settled)
        } else {
            self.conceded = self.conceded.filter(|conceded| *conceded != sequence);
            self.liquidity.rejected(&settled);
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

    /// Ends the connection politely, once the payment is done.
    pub fn close(self) -> Closer {
        Closer::new(self.exchange.into_sender())
    }

    fn outcome(&self) -> Outcome {
        let receipt = self.receipt.as_ref().map(|(_, receipt)| receipt.clone());
        Outcome {
            error: self.error,
            amount_sent: self.totals.sent,
            amount_delivered: self.totals.delivered,
            receipt,
            application_data: self.application_data.clone(),
        }
    }

    fn is_complete(&self) -> bool {
        match self.target {
            Target::Send(_) => self.totals.sent >= self.max_source_amount,
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
        // With application data one packet goes ahead, so that the application is asked once.
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

    /// The amounts of the next packet; `None` if everything needed is outstanding.
    fn plan(&self) -> Result<Option<Plan>, PaymentError> {
        let reserved = self.totals.sent.saturating_add(self.totals.source_in_flight);
        let available = self.max_source_amount.saturating_sub(reserved);
        let nothing_outstanding = self.exchange.outstanding() == 0;
        if available == 0 {
            // Everything was sent, nothing is outstanding, and yet too little has been delivered.
            return if nothing_outstanding { Err(PaymentError::InsufficientExchangeRate) } else { Ok(None) };
        }
        let limit = self.exchange.limit.next().unwrap_or(u64::MAX);
        let limit = self.liquidity.cap.map_or(limit, |cap| cap.min(limit));
        let within_limit = available.min(limit);
        let (source, is_final) = match self.target {
            Target::Send(_) => (within_limit, within_limit == available),
            Target::Deliver(_) => {
                let expected = self.totals.delivered.saturating_add(self.totals.destination_in_flight);
                let remaining = self.min_delivery_amount.saturating_sub(expected);
                if remaining == 0 {
                    return Ok(None);
                }
                let rates = &self.exchange.rates;
                let need = rates.source_enough_for(remaining).ok_or(PaymentError::InsufficientExchangeRate)?;
                (within_limit.min(need), need <= within_limit)
            }
        };
        let concedes = is_final && self.conceded.is_none();
        let enforced = if concedes { source - 1 } else { source };
        let min_destination = self.min_rate.checked_mul_ceil(enforced).ok_or(PaymentError::InsufficientExchangeRate)?;
        let expected = self.exchange.rates.destination_at_least(source);
        if expected >= min_destination {
            return Ok(Some(Plan { source, min_destination, concedes }));
        }
        if expected + 1 == min_destination && self.surplus_covers(source, expected, concedes) {
            return Ok(Some(Plan { source, min_destination: expected, concedes }));
        }
        if nothing_outstanding { Err(PaymentError::InsufficientExchangeRate) } else { Ok(None) }
    }

    /// Whether the payment as a whole keeps its minimum rate, one source unit conceded, if `source` arrives as no more
    /// than `destination`.
    ///
    /// Small packets lose up to one unit to rounding, which may be more than the rate allows them; what earlier packets
    /// delivered beyond their minimum may cover it. Outstanding packets count only where they take from the surplus.
    fn surplus_covers(&self, source: u64, destination: u64, concedes: bool) -> bool {
        let takes = |packet: &&InFlight| {
            let full = self.min_rate.checked_mul_ceil(packet.source_amount);
            !packet.timed_out && full.is_none_or(|full| full > packet.min_destination_amount)
        };
        let (mut sent, mut delivered) = (self.totals.sent, self.totals.delivered);
        for packet in self.exchange.in_flight.values().filter(takes) {
            sent = sent.saturating_add(packet.source_amount);
            delivered = delivered.saturating_add(packet.min_destination_amount);
        }
        // The unit conceded may be given away once: by this packet, or by one that has been fulfilled. While another
        // packet may still be refused and concede it anew, it is not counted on.
        let given = self.conceded.is_some_and(|sequence| !self.exchange.in_flight.contains_key(&sequence));
        let enforced = sent.saturating_add(source).saturating_sub(u64::from(concedes || given));
        let needed = self.min_rate.checked_mul_ceil(enforced);
        needed.is_some_and(|needed| delivered.saturating_add(destination) >= needed)
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
        let attempt = Attempt {
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
        Ok(packet)
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
        // What passes may double from here until the cap is of no consequence.
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
