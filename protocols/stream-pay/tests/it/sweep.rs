//! Quotes are kept, and what can be delivered is not refused: random paths of up to four conversions are compared with
//! exact arithmetic.
//! Faults of a path are in `properties`.
//!
//! The path rounds down at every conversion, as connectors do, and each node calculates with 64 bits. `SWEEP_CASES`
//! sets another number of cases. A failure names its case.

use std::collections::BTreeMap;

use clock::{Entropy, SeededEntropy, Timestamp};
use ilp_packet::{Address, AmountTooLarge, ErrorCode, Prepare, Reject};
use money::{Asset, Ratio};
use stream::RejectStyle;
use stream_pay::{NoQuote, Payment, PaymentError, Poll, Quote, QuoteTerms, Quoting, Slippage, Target};

use crate::pair::ratio;
use crate::support::{End, START};

/// Enough that every pair of scales occurs several times.
const CASES: u64 = 10_000;
/// Payments with more packets than this are left to the tests of speed.
const PACKETS_MAX: u64 = 300;

/// A fee as account-servicing entities charge it: a share in 1/10000, rounded up, and a fixed part.
#[derive(Clone, Copy, Debug)]
struct Fee {
    share: u64,
    fixed: u64,
}

/// One payment over one path.
#[derive(Clone, Debug)]
struct Case {
    number: u64,
    /// Of each conversion: smallest units out per smallest unit in.
    conversions: Vec<Ratio>,
    max_packet: Option<u64>,
    source: Asset,
    destination: Asset,
    /// The rate that the payer expects, in major units.
    external: Ratio,
    fee: Fee,
    target: Target,
}

struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, end: u64) -> u64 {
        u64::from_be_bytes((&self.0 as &dyn Entropy).bytes()) % end
    }

    /// A number of one to `digits` digits.
    fn digits(&self, digits: u64) -> u64 {
        1 + self.below(10u64.pow(u32::try_from(1 + self.below(digits)).unwrap()))
    }
}

impl Case {
    fn of(number: u64) -> Self {
        let chance = Chance(SeededEntropy::new(number));
        let scale = || u8::try_from(chance.below(19)).unwrap();
        let (mut conversions, mut major) = (Vec::new(), Ratio::ONE);
        let source = Asset::new("A", scale()).unwrap();
        let mut at = source.scale;
        for _ in 0..=chance.below(4) {
            let next = if chance.below(4) == 0 { at } else { scale() };
            // From one in a thousand to a thousand, or one to one.
            let rate = if chance.below(3) == 0 { Ratio::ONE } else { ratio(chance.digits(4), chance.digits(4)) };
            let scaling = Ratio::new(10u128.pow(next.into()), 10u128.pow(at.into())).unwrap();
            conversions.push(rate.checked_mul(&scaling).unwrap());
            major = major.checked_mul(&rate).unwrap();
            at = next;
        }
        // The payer expects up to half a per cent more than the path gives, which is within the slippage.
        let external = major.checked_mul(&ratio(1000 + chance.below(6), 1000)).unwrap();
        let destination = Asset::new("B", at).unwrap();
        let max_packet = (chance.below(3) == 0).then(|| chance.digits(12));
        let fee = match chance.below(3) {
            0 => Fee { share: 0, fixed: 0 },
            1 => Fee { share: 200, fixed: 0 },
            _ => Fee { share: 200, fixed: chance.below(101) },
        };
        let amount = chance.digits(18);
        let target = if chance.below(2) == 0 { Target::Send(amount) } else { Target::Deliver(amount) };
        Self { number, conversions, max_packet, source, destination, external, fee, target }
    }

    /// What `amount` arrives as, or the reply of the node that cannot carry it.
    fn pass(&self, amount: u64) -> Result<u64, AmountTooLarge> {
        if let Some(maximum) = self.max_packet.filter(|maximum| amount > *maximum) {
            return Err(AmountTooLarge { received: amount, maximum });
        }
        self.conversions.iter().try_fold(amount, |received, conversion| {
            let too_large = || AmountTooLarge { received, maximum: conversion.mul_floor_amount_max() };
            conversion.checked_mul_floor(received).ok_or_else(too_large)
        })
    }

    /// What a packet arrives as; `None` if it is too large.
    fn arrives(&self, amount: u64) -> Option<u64> {
        self.pass(amount).ok()
    }

    /// The greatest amount up to `most` for which `holds` is true. It is true up to some amount and false above.
    fn greatest(most: u64, holds: impl Fn(u64) -> bool) -> u64 {
        let (mut low, mut high) = (0, most);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if holds(middle) { low = middle } else { high = middle - 1 }
        }
        low
    }

    /// The largest packet the path takes.
    fn largest_packet(&self) -> u64 {
        Self::greatest(i64::MAX.unsigned_abs(), |amount| self.arrives(amount).is_some())
    }

    /// The smallest packet that delivers `wanted`; `None` if none does.
    fn least_for(&self, wanted: u64) -> Option<u64> {
        let largest = self.largest_packet();
        let below = Self::greatest(largest, |amount| self.arrives(amount).unwrap() < wanted);
        (below < largest).then_some(below + 1)
    }

    fn min_rate(&self) -> Ratio {
        stream_pay::minimum_rate(&self.source, &self.destination, Some(self.external), slippage()).unwrap()
    }

    /// Whether a packet keeps the minimum rate: the largest packet, or the smallest that delivers as much as the
    /// largest.
    fn rate_suffices(&self) -> bool {
        let arrived = self.arrives(self.largest_packet()).unwrap_or(0);
        let best = self.least_for(arrived.max(1));
        arrived > 0 && best.is_some_and(|best| Ratio::new(arrived.into(), best.into()).unwrap() >= self.min_rate())
    }

    /// The target after the fee; `None` if nothing is left.
    fn target_after_fee(&self) -> Option<Target> {
        match self.target {
            Target::Send(amount) => {
                let share = (u128::from(amount) * u128::from(self.fee.share)).div_ceil(10_000);
                let fee = u64::try_from(share).unwrap().saturating_add(self.fee.fixed);
                amount.checked_sub(fee).filter(|left| *left > 0).map(Target::Send)
            }
            deliver @ Target::Deliver(_) => Some(deliver),
        }
    }

    fn reply(&self, end: &mut End, packet: &[u8], now: Timestamp) -> Vec<u8> {
        let prepare = Prepare::parse(packet).unwrap();
        let node: Address = "test.connector".parse().unwrap();
        match self.pass(prepare.amount) {
            Err(detail) => {
                let detail = detail.encode();
                Reject::new(ErrorCode::F08AmountTooLarge, node.as_ref()).with_data(&detail).encode()
            }
            Ok(0) => Reject::new(ErrorCode::R01InsufficientSourceAmount, node.as_ref()).encode(),
            Ok(amount) => end.receive(&prepare, amount, now),
        }
    }
}

fn slippage() -> Slippage {
    "0.01".parse().unwrap()
}

/// The result of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    Delivered,
    TooSmall,
    RateTooLow,
    AmountTooLarge,
    /// Not tried, because nothing is left after the fee, or because it needs too many packets.
    Skipped,
}

macro_rules! drive {
    ($machine:expr, $case:expr, $end:expr, $packets:ident) => {{
        let (entropy, mut now, mut $packets) = (SeededEntropy::new(3), START, 0u64);
        loop {
            match $machine.poll_prepare(now, &entropy) {
                Poll::Send(packet) => {
                    $packets += 1;
                    assert!($packets < 2_000, "{:?} does not end: {:?}", $case, $machine);
                    let reply = $case.reply($end, &packet.packet, now);
                    $machine.handle_reply(now, packet.sequence, &reply);
                }
                Poll::WaitUntil(instant) => now = instant,
                Poll::Done(output) => break (output, now.saturating_since(START)),
            }
        }
    }};
}

fn run(case: &Case) -> Ended {
    let Some(target) = case.target_after_fee() else { return Ended::Skipped };
    let mut end = End::new(case.destination.clone(), RejectStyle::ApplicationError, None, case.number);
    let terms = QuoteTerms::new(target, &case.source, &case.destination, Some(case.external), slippage()).unwrap();
    let mut quoting = Quoting::new(&end.destination, terms);
    let (quoted, took) = drive!(quoting, case, &mut end, _packets);
    assert_eq!(end.received, 0, "{case:?}: a quote moves no money");
    assert!(took.as_millis() < 1000, "{case:?}: the quote took {took:?}: {quoted:?}");
    let quote = match quoted {
        Ok(quote) => quote,
        Err(refused) => return check_refusal(case, target, refused),
    };
    check_promise(case, target, &quote);
    if quote.max_source_amount / quote.max_packet_amount > PACKETS_MAX {
        return Ended::Skipped;
    }
    for paid_as in [Target::Deliver(quote.min_delivery_amount), quote.target] {
        pay(case, &Quote { target: paid_as, ..quote });
    }
    Ended::Delivered
}

fn pay(case: &Case, quote: &Quote) {
    let mut end = End::new(case.destination.clone(), RejectStyle::ApplicationError, None, case.number);
    let mut payment = Payment::new(&end.destination, quote, None).unwrap();
    let (outcome, took) = drive!(payment, case, &mut end, _packets);
    assert_eq!(outcome.error, None, "{case:?} {quote:?}: {outcome:?}");
    assert_eq!(outcome.amount_delivered, end.received, "{case:?}");
    assert!(outcome.amount_delivered >= quote.min_delivery_amount, "{case:?} {quote:?}: {outcome:?}");
    assert!(outcome.amount_sent <= quote.max_source_amount, "{case:?} {quote:?}: {outcome:?}");
    assert!(took.as_millis() < 1000, "{case:?} {quote:?}: the payment took {took:?}");
    if let Target::Send(amount) = quote.target {
        let left = amount - outcome.amount_sent;
        assert_eq!(case.arrives(left), Some(0), "{case:?} {quote:?}: {outcome:?}");
    }
}

/// A fixed send promises what arrives, except for the slippage. A fixed delivery costs no more than needed, except for
/// the slippage.
fn check_promise(case: &Case, target: Target, quote: &Quote) {
    let largest = quote.max_packet_amount.min(i64::MAX.unsigned_abs());
    let min_rate = case.min_rate();
    match target {
        Target::Send(amount) => {
            assert_eq!(quote.max_source_amount, amount, "{case:?}");
            let arrives = u128::from(amount / largest) * u128::from(case.arrives(largest).unwrap_or(0))
                + u128::from(case.arrives(amount % largest).unwrap());
            let by_rate = min_rate.checked_mul_ceil(amount - 1).unwrap();
            let least = u128::from(by_rate).min(arrives).max(1);
            assert!(u128::from(quote.min_delivery_amount) >= least, "{case:?} {quote:?}");
            assert!(u128::from(quote.min_delivery_amount) <= arrives, "{case:?} {quote:?}");
        }
        Target::Deliver(amount) => {
            assert_eq!(quote.min_delivery_amount, amount, "{case:?}");
            let by_rate = min_rate.checked_div_floor(amount).unwrap() + 1;
            let needed = case.least_for(amount);
            if let Some(needed) = needed.filter(|needed| *needed <= largest) {
                assert_eq!(quote.max_source_amount, needed.max(by_rate), "{case:?} {quote:?}");
            }
        }
    }
}

fn check_refusal(case: &Case, target: Target, refused: NoQuote) -> Ended {
    match refused {
        NoQuote::TooSmall { min_send_amount } => {
            assert_eq!(min_send_amount, case.least_for(1), "{case:?}");
            if let Target::Send(amount) = target {
                assert!(min_send_amount.is_none_or(|least| amount < least), "{case:?}");
            }
            Ended::TooSmall
        }
        NoQuote::Path(PaymentError::InsufficientExchangeRate) => {
            assert!(!case.rate_suffices(), "{case:?}");
            Ended::RateTooLow
        }
        NoQuote::Path(PaymentError::InvalidDestinationAmount) => {
            let Target::Deliver(amount) = target else { panic!("{case:?}") };
            let largest = case.largest_packet();
            let full = case.arrives(largest).unwrap();
            let packets = u128::from(amount) * u128::from(largest) / u128::from(full.max(1));
            assert!(packets > u128::from(i64::MAX.unsigned_abs()) / 2, "{case:?}");
            Ended::AmountTooLarge
        }
        NoQuote::Path(PaymentError::InvalidSourceAmount) => {
            let Target::Send(amount) = target else { panic!("{case:?}") };
            assert_eq!(case.min_rate().checked_mul_ceil(amount - 1), None, "{case:?}");
            Ended::AmountTooLarge
        }
        // One unit is already too large for 64 bits in the next asset.
        NoQuote::Path(PaymentError::ConnectorError) => {
            assert_eq!(case.arrives(case.largest_packet()), Some(0), "{case:?}");
            Ended::RateTooLow
        }
        other @ NoQuote::Path(_) => panic!("{case:?}: {other:?}"),
    }
}

/// The rest delivers more than the full packets before it suggest, or less than its share of the promise.
#[test]
fn the_rest_of_a_fixed_send_delivers_what_was_promised_where_full_packets_lose_most_of_a_coarse_unit() {
    for number in [2638, 9874, 19_815] {
        assert_eq!(run(&Case::of(number)), Ended::Delivered);
    }
}

#[test]
fn a_worthless_rest_is_not_halved_where_the_halves_would_not_deliver_what_was_promised() {
    for number in [33_746, 34_855] {
        assert_eq!(run(&Case::of(number)), Ended::Delivered);
    }
}

/// The last node carries a little less than a whole number of coarse units, so each maximum that it reports is again
/// too large.
#[test]
fn a_path_is_not_refused_for_its_rate_where_a_coarse_unit_hides_its_largest_packet() {
    assert_eq!(run(&Case::of(8833)), Ended::TooSmall);
}

#[test]
fn what_is_promised_is_delivered_and_what_can_be_delivered_is_not_refused() {
    #[expect(clippy::disallowed_methods, reason = "only a developer asks for another number of cases")]
    let cases = std::env::var("SWEEP_CASES").ok().map_or(CASES, |cases| cases.parse().unwrap());
    let mut ended: BTreeMap<Ended, u64> = BTreeMap::new();
    let mut failed = Vec::new();
    for number in 0..cases {
        match std::panic::catch_unwind(|| run(&Case::of(number))) {
            Ok(end) => *ended.entry(end).or_default() += 1,
            Err(_) => failed.push(number),
        }
    }
    assert!(failed.is_empty(), "cases {failed:?} failed");
    println!("{ended:?}");
    // Each kind of end occurs, so every check above was used.
    for kind in [Ended::Delivered, Ended::TooSmall, Ended::RateTooLow, Ended::AmountTooLarge] {
        assert!(ended.get(&kind).is_some_and(|count| *count >= cases / 200), "{ended:?}");
    }
    assert!(ended[&Ended::Delivered] >= cases / 4, "{ended:?}");
}
