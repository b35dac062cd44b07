//! What holds on every path: money is conserved, the maximum is never exceeded, the minimum rate is kept, and every
//! probe and payment ends.
//! Exact quotes on honest paths are in `sweep`.

use std::time::Duration;

use clock::SeededEntropy;
use ilp_packet::{ErrorCode, Prepare, Reject};
use money::{Asset, Ratio};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use stream::RejectStyle;
use stream_pay::{AssetProbe, Payment, PaymentError, Poll, Quote, QuoteTerms, RateBounds, RateProbe, Slippage, Target};

use crate::pair::{Faults, Pair, Watched, Weather, ratio};
use crate::support::{End, Hop, START};

fn hop(rate: Ratio, max_packet: u64) -> Hop {
    Hop { rate: Some(rate), max_packet: Some(max_packet), ..Hop::default() }
}

fn targets() -> impl Strategy<Value = Target> {
    prop_oneof![(1u64..1_000_000).prop_map(Target::Send), (1u64..1_000_000).prop_map(Target::Deliver)]
}

/// A quote over a path that was measured as exactly `rate`. It keeps `kept` per cent of the rate.
fn quote(target: Target, rate: Ratio, kept: u64, max_packet: u64) -> Option<Quote> {
    let min_exchange_rate = rate.checked_mul(&ratio(kept, 100))?;
    let (max_source_amount, min_delivery_amount) = match target {
        Target::Send(amount) => (amount, min_exchange_rate.checked_mul_ceil(amount - 1)?),
        Target::Deliver(amount) => (min_exchange_rate.checked_div_floor(amount)?.checked_add(1)?, amount),
    };
    let above = rate.checked_mul(&ratio(1_000_001, 1_000_000))?;
    let rates = RateBounds::new(rate, above);
    let max_packet_amount = max_packet.max(max_source_amount / 300);
    Some(Quote {
        target,
        max_source_amount,
        min_delivery_amount,
        max_packet_amount,
        min_exchange_rate,
        rates,
        rounding_allowance: 0,
    })
}

/// Faults from few to very many. Each phase has its own rate and limit.
fn weathers(rate: Ratio, max_packet: u64) -> impl Strategy<Value = Weather> {
    let phase = (0u64..3000, 50u64..150, 1u64..4, any::<bool>(), prop::option::weighted(0.2, 1u64..100_000));
    let per_mille = || prop_oneof![3 => Just(0u64), 1 => 0u64..100];
    let losses = (per_mille(), per_mille(), per_mille());
    let lies = (per_mille(), per_mille(), per_mille());
    ((1u64..50, 0u64..400), losses, lies, per_mille(), prop::collection::vec(phase, 0..3)).prop_map(
        move |((least, spread), (lost, reply_lost, late), (duplicated, forged, tampered), refused, later)| {
            let mut phases = vec![(0, hop(rate, max_packet))];
            for (at, per_cent, shrink, without_detail, t04_above) in later {
                let moved = rate.checked_mul(&ratio(per_cent, 100)).unwrap();
                let hop = hop(moved, (max_packet / shrink).max(1));
                phases.push((at, Hop { without_detail, t04_above, ..hop }));
            }
            phases.sort_by_key(|(at, _)| *at);
            let latency = (least, least + spread);
            Weather { latency, lost, reply_lost, late, duplicated, forged, tampered, refused, phases }
        },
    )
}

/// A path, its faults, and what to pay over it. At first the path takes packets of the quoted size.
fn journeys() -> impl Strategy<Value = (Quote, Weather)> {
    (targets(), (1u64..2000, 1u64..2000), 50u64..=100, 1u64..300).prop_flat_map(|(target, (n, d), kept, share)| {
        let quote = quote(target, ratio(n, d), kept, share).unwrap();
        (Just(quote), weathers(ratio(n, d), quote.max_packet_amount))
    })
}

/// The same, with a path that differs from the quoted one from the start.
fn detours() -> impl Strategy<Value = (Quote, Weather)> {
    (journeys(), (1u64..2000, 1u64..2000), 1u64..100_000).prop_flat_map(|((quote, _), (n, d), max_packet)| {
        // Not so small that a payment needs thousands of packets.
        let max_packet = max_packet.max(quote.max_source_amount / 300);
        (Just(quote), weathers(ratio(n, d), max_packet))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved_in_any_weather((quote, weather) in journeys(), seed in any::<u64>()) {
        travel(&quote, weather, seed);
    }

    #[test]
    fn money_is_conserved_when_the_path_is_another_than_the_quoted_one(
        (quote, weather) in detours(), seed in any::<u64>(),
    ) {
        travel(&quote, weather, seed);
    }

    #[test]
    fn a_quoted_payment_over_an_honest_path_is_delivered_in_full(
        target in targets(), (n, d) in (100u64..2000, 100u64..2000), max_packet in 3000u64..1_000_000, seed in any::<u64>(),
        refused in 0u64..200, data in prop::option::of(prop::collection::vec(any::<u8>(), 0..100)),
    ) {
        let path = hop(ratio(n, d), max_packet);
        let mut pair = Pair::new(Weather { latency: (1, 40), ..Weather::fair(path) }, seed);
        let (estimate, _) = pair.drive(&mut RateProbe::new(&pair.end.destination));
        prop_assert_eq!(pair.end.received, 0);
        let (source, destination) = (Asset::new("USD", 2).unwrap(), Asset::new("EUR", 2).unwrap());
        let slippage: Slippage = "0.05".parse().unwrap();
        let terms = QuoteTerms::new(target, &source, &destination, Some(ratio(n, d)), slippage).unwrap();
        let quote = terms.quote(&estimate.unwrap()).unwrap();

        let mut pair = Pair::new(Weather { latency: (1, 40), refused, ..Weather::fair(hop(ratio(n, d), max_packet)) }, seed);
        let payment = Payment::new(&pair.end.destination, &quote, data).unwrap();
        let (outcome, _) = pair.drive(&mut Watched(payment, quote.max_source_amount));
        pair.assert_conserved(&outcome, &quote);
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(outcome.amount_delivered, pair.end.received);
        match target {
            Target::Send(amount) => prop_assert_eq!(outcome.amount_sent, amount),
            Target::Deliver(amount) => prop_assert!(outcome.amount_delivered >= amount),
        }
        prop_assert!(outcome.amount_delivered >= quote.min_delivery_amount);
    }

    #[test]
    fn a_probe_comes_to_an_end_within_its_deadline_and_moves_no_money(
        weather in (1u64..2000, 1u64..2000, 1u64..100_000).prop_flat_map(|(n, d, max)| weathers(ratio(n, d), max)),
        seed in any::<u64>(),
    ) {
        let mut pair = Pair::new(weather, seed);
        let (estimate, took) = pair.drive(&mut RateProbe::new(&pair.end.destination));
        prop_assert!(took <= Duration::from_secs(10));
        prop_assert_eq!(pair.end.received, 0);
        if let Ok(estimate) = estimate {
            prop_assert!(estimate.rates.low() < estimate.rates.high());
            prop_assert!(estimate.max_packet_amount > 0);
        }
    }

    #[test]
    fn the_asset_is_the_one_that_the_receiver_names_or_none((_, weather) in journeys(), seed in any::<u64>()) {
        let mut pair = Pair::new(weather, seed);
        let destination = pair.end.destination.clone();
        let (named, took) = pair.drive(&mut AssetProbe::new(destination.address, &destination.shared_secret));
        prop_assert!(took <= Duration::from_secs(20));
        prop_assert_eq!(pair.end.received, 0);
        match named {
            Ok(asset) => prop_assert_eq!(asset, destination.asset),
            Err(error) => {
                prop_assert!(matches!(error, PaymentError::EstablishmentFailed | PaymentError::UnknownDestinationAsset));
            }
        }
    }
}

/// Pays `quote` with the faults of `weather` and checks the books of both ends. Returns which faults happened.
fn travel(quote: &Quote, weather: Weather, seed: u64) -> Faults {
    let mut pair = Pair::new(weather, seed);
    let payment = Payment::new(&pair.end.destination, quote, None).unwrap();
    let mut payment = Watched(payment, quote.max_source_amount);
    let (outcome, _) = pair.drive(&mut payment);
    assert_eq!(payment.0.source_in_flight(), 0);
    pair.assert_conserved(&outcome, quote);
    pair.faults
}

#[test]
fn every_kind_of_fault_really_happens_to_the_payments_of_the_properties() {
    let (mut runner, mut faults) = (TestRunner::deterministic(), Faults::default());
    for seed in 0..100 {
        let (quote, weather) = journeys().new_tree(&mut runner).unwrap().current();
        faults += travel(&quote, weather, seed);
    }
    let Faults { lost, reply_lost, late, duplicated, forged, tampered, refused, .. } = faults;
    let Faults { reordered, rate_moved, limit_shrunk, .. } = faults;
    for count in [lost, reply_lost, late, duplicated, forged, tampered, refused, reordered, rate_moved, limit_shrunk] {
        assert!(count >= 10, "{faults:?}");
    }
}

fn local_quote(amount: u64, max_packet: u64) -> Quote {
    let quote = quote(Target::Deliver(amount), Ratio::ONE, 99, 1).unwrap();
    Quote { max_packet_amount: max_packet, ..quote }
}

#[test]
fn a_small_payment_takes_one_round_trip_and_a_quote_without_limits_too() {
    let mut pair = Pair::new(Weather::fair(Hop::default()), 7);
    let (estimate, took) = pair.drive(&mut RateProbe::new(&pair.end.destination));
    assert_eq!(estimate.unwrap().max_packet_amount, u64::MAX);
    assert_eq!((took, pair.packets), (Duration::from_millis(1), 1));

    let mut pair = Pair::new(Weather::fair(Hop::default()), 7);
    let payment = Payment::new(&pair.end.destination, &local_quote(1000, u64::MAX), None).unwrap();
    let (outcome, took) = pair.drive(&mut Watched(payment, 1011));
    assert_eq!((outcome.error, outcome.amount_delivered), (None, 1000));
    assert_eq!((took, pair.packets), (Duration::from_millis(1), 1));
}

#[test]
fn a_limit_that_a_node_reports_costs_one_more_round_trip() {
    let mut pair = Pair::new(Weather::fair(hop(Ratio::ONE, 5000)), 7);
    let (estimate, took) = pair.drive(&mut RateProbe::new(&pair.end.destination));
    assert_eq!(estimate.unwrap().max_packet_amount, 5000);
    assert_eq!((took, pair.packets), (Duration::from_millis(2), 3));
}

#[test]
fn a_thousand_packets_do_not_wait_for_a_clock() {
    let mut pair = Pair::new(Weather::fair(hop(Ratio::ONE, 1000)), 7);
    let payment = Payment::new(&pair.end.destination, &local_quote(1_000_000, 1000), None).unwrap();
    let (outcome, took) = pair.drive(&mut Watched(payment, 1_100_000));
    assert_eq!((outcome.error, outcome.amount_delivered), (None, 1_000_000));
    assert!(took < Duration::from_millis(20), "{took:?}");
}

#[test]
fn a_path_without_enough_liquidity_gets_smaller_packets() {
    let path = Hop { t04_above: Some(300), ..Hop::default() };
    let mut pair = Pair::new(Weather::fair(path), 7);
    let payment = Payment::new(&pair.end.destination, &local_quote(2000, u64::MAX), None).unwrap();
    let (outcome, _) = pair.drive(&mut Watched(payment, 2100));
    assert_eq!((outcome.error, outcome.amount_delivered), (None, 2000));
}

#[test]
fn a_path_that_always_refuses_ends_the_payment_when_idle() {
    let path = Hop { code: Some(ErrorCode::T02PeerBusy), ..Hop::default() };
    let mut pair = Pair::new(Weather::fair(path), 7);
    let payment = Payment::new(&pair.end.destination, &local_quote(2000, u64::MAX), None).unwrap();
    let (outcome, took) = pair.drive(&mut Watched(payment, 2100));
    assert_eq!((outcome.error, outcome.amount_sent), (Some(PaymentError::IdleTimeout), 0));
    assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(12), "{took:?}");
    assert!(pair.packets < 40, "{} packets to a path that refuses", pair.packets);
}

#[test]
fn the_application_is_asked_once_before_money_follows() {
    let mut pair = Pair::new(Weather::fair(hop(Ratio::ONE, 100)), 7);
    let data = Some(b"hello".to_vec());
    let payment = Payment::new(&pair.end.destination, &local_quote(1000, 100), data).unwrap();
    let (outcome, took) = pair.drive(&mut Watched(payment, 1100));
    assert_eq!(outcome.error, None);
    assert_eq!(took, Duration::from_millis(2));
}

/// If the surplus covers a packet, that packet must not also rely on the unit that a refused packet will use later.
#[test]
fn the_unit_conceded_to_rounding_is_given_away_once() {
    let path = hop(ratio(330, 727), 6);
    let quote = Quote {
        target: Target::Deliver(3),
        max_source_amount: 87_736,
        min_delivery_amount: 3,
        max_packet_amount: 6,
        min_exchange_rate: ratio(1452, 3635),
        rates: RateBounds::new(ratio(330, 727), ratio(363, 727)),
        rounding_allowance: 0,
    };
    let (entropy, mut now, mut under_way) = (SeededEntropy::new(1), START, Vec::new());
    let mut end = End::new(Asset::new("EUR", 2).unwrap(), RejectStyle::Specific, None, 1);
    let mut payment = Payment::new(&end.destination, &quote, None).unwrap();
    loop {
        match payment.poll_prepare(now, &entropy) {
            Poll::Send(packet) => under_way.push(packet),
            Poll::WaitUntil(instant) => match under_way.pop() {
                Some(packet) => {
                    let prepare = Prepare::parse(&packet.packet).unwrap();
                    let reply = match packet.sequence {
                        1 => Reject::new(ErrorCode::T05RateLimited, prepare.destination).encode(),
                        _ => end.receive(&prepare, path.pass(prepare.amount).unwrap(), now),
                    };
                    payment.handle_reply(now, packet.sequence, &reply);
                }
                None => now = instant,
            },
            Poll::Done(_) => break,
        }
        let least = quote.min_exchange_rate.checked_mul_ceil(payment.amount_sent().saturating_sub(1)).unwrap();
        assert!(payment.amount_delivered() >= least, "{payment:?}");
    }
}
