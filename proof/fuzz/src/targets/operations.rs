//! Lists of operations on a running sender and receiver, in any order: poll, deliver, delay, repeat, forge, change,
//! lose, refuse, decline, announce, wait.
//!
//! After every list, the books of both sides agree, the payment is within its quote, and probes have moved no money.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::{Entropy, Timestamp};
use ilp_packet::{AmountTooLarge, ErrorCode, Fulfill, Fulfillment, Prepare, Reject, Reply};
use money::{Asset, Ratio};
use stream::{
    AssetDetails, ConnectionDetails, ConnectionKeys, Decision, Money, ReceiptSetup, ReceiveLimit, StreamPacket,
};
use stream_pay::{AssetProbe, Destination, OutgoingPrepare, Payment, Poll, Quote, RateBounds, RateProbe, Target};

use crate::material::Material;
use crate::targets::stream_data::receiver;

/// The packet, the reply, and for a fulfilled packet its amount and the delivered amount.
type ReplyUnderWay = (u64, Vec<u8>, Option<(u64, u64)>);

struct Run {
    keys: ConnectionKeys,
    payment: Payment,
    quote: Quote,
    now: Timestamp,
    replies: Vec<ReplyUnderWay>,
    answered: BTreeMap<u64, Option<(u64, u64)>>,
}

pub(crate) fn operations(material: &mut Material) {
    if material.one_in(4) { probing(material) } else { paying(material) }
}

/// The common operations of all machines for probing.
trait Probe {
    /// The packet to send, if any, and whether the machine is done.
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> (Option<OutgoingPrepare>, bool);
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]);
}

fn step<T>(poll: Poll<T>, now: Timestamp, judge: impl FnOnce(T)) -> (Option<OutgoingPrepare>, bool) {
    match poll {
        Poll::Send(packet) => (Some(packet), false),
        Poll::WaitUntil(instant) => {
            assert!(instant > now, "asked to wait for the past");
            (None, false)
        }
        Poll::Done(output) => {
            judge(output);
            (None, true)
        }
    }
}

impl Probe for RateProbe {
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> (Option<OutgoingPrepare>, bool) {
        step(self.poll_prepare(now, entropy), now, |estimate| {
            if let Ok(estimate) = estimate {
                assert!(estimate.rates.low() < estimate.rates.high() && estimate.max_packet_amount > 0);
            }
        })
    }
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(now, sequence, octets);
    }
}

impl Probe for AssetProbe {
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> (Option<OutgoingPrepare>, bool) {
        step(self.poll_prepare(now, entropy), now, |named| {
            if let Ok(named) = named {
                assert_eq!(Asset::new("USD", 2), Ok(named), "an asset the receiver has not named");
            }
        })
    }
    fn reply(&mut self, _now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(sequence, octets);
    }
}

fn probing(material: &mut Material) {
    let details = ConnectionDetails {
        asset: Some(AssetDetails { code: "USD".to_owned(), scale: 2 }),
        ..ConnectionDetails::default()
    };
    let Ok(credentials) = receiver().issue(&details, material.entropy()) else { panic!("the details fit") };
    let Ok(asset) = Asset::new("USD", 2) else { panic!("an asset") };
    let (address, shared_secret) = (credentials.address, credentials.shared_secret);

    let mut probe: Box<dyn Probe> = if material.one_in(3) {
        Box::new(AssetProbe::new(address, &shared_secret))
    } else {
        Box::new(RateProbe::new(&Destination { address, shared_secret, asset }))
    };

    let (mut now, mut replies) = (Timestamp::EPOCH, Vec::new());
    for _ in 0..100 {
        match material.below(6) {
            0..3 => {
                let (packet, done) = probe.poll(now, material.entropy());
                replies.extend(packet.map(|packet| (packet.sequence, probed(&packet, now, material))));
                if done {
                    return;
                }
            }
            3..5 if !replies.is_empty() => {
                let at = material.below(replies.len());
                let (sequence, reply) = if material.one_in(5) { replies[at].clone() } else { replies.swap_remove(at) };
                probe.reply(now, sequence, &reply);
            }
            _ => now = now + Duration::from_millis(material.u64() % 3000),
        }
    }

    // Past every deadline nothing is left to wait for.
    now = now + Duration::from_mins(1);
    assert!((0..2).any(|_| probe.poll(now, material.entropy()).1), "a probe that does not end");
}

fn probed(packet: &OutgoingPrepare, now: Timestamp, material: &mut Material) -> Vec<u8> {
    let Ok(prepare) = Prepare::parse(&packet.packet) else { panic!("a sender makes packets") };
    let own_address = receiver();
    match material.below(6) {
        0 => Reject::new(*material.pick(ErrorCode::KNOWN), own_address.address().as_ref()).encode(),
        1 => too_large(material),
        2 => material.octets(60),
        _ => {
            let amount = prepare.amount / (material.u64() % 4 + 1);
            match own_address.evaluate(&Prepare { amount, ..prepare }, now, material.entropy()) {
                Decision::Reply(reply) => reply,
                Decision::Money(_) => panic!("a probe that moves money"),
            }
        }
    }
}

fn too_large(material: &mut Material) -> Vec<u8> {
    let detail = AmountTooLarge { received: material.amount(), maximum: material.amount() }.encode();
    let own_address = receiver();
    Reject::new(ErrorCode::F08AmountTooLarge, own_address.address().as_ref()).with_data(&detail).encode()
}

fn paying(material: &mut Material) {
    let Some(mut run) = start(material) else { return };
    let mut finished = false;
    for _ in 0..200 {
        match material.below(10) {
            0..5 => finished |= run.poll(material),
            5..8 => run.deliver(material),
            8 => run.now = run.now + Duration::from_millis(material.u64() % 3000),
            _ => run.replies.truncate(run.replies.len().saturating_sub(usize::from(material.one_in(4)))),
        }
        run.check();
        if finished {
            return;
        }
    }
}

fn start(material: &mut Material) -> Option<Run> {
    let receipts = material.one_in(2).then(|| ReceiptSetup { nonce: material.array(), secret: material.array() });
    let details = ConnectionDetails { receipts, ..ConnectionDetails::default() };
    let credentials = receiver().issue(&details, material.entropy()).ok()?;
    let keys = credentials.shared_secret.keys();

    let destination = Destination {
        address: credentials.address,
        shared_secret: credentials.shared_secret,
        asset: Asset::new("USD", 2).ok()?,
    };

    let low = Ratio::new(u128::from(material.u64() % 1000), u128::from(material.u64() % 1000 + 1)).ok()?;
    let high = low.checked_mul(&Ratio::new(11, 10).ok()?)?;
    let min_exchange_rate = low.checked_mul(&Ratio::new(u128::from(material.u64() % 101), 100).ok()?)?;
    let (max_source_amount, min_delivery_amount) = (material.amount() / 4, material.amount() / 4);

    let deliver = material.one_in(2);
    let target = if deliver { Target::Deliver(min_delivery_amount) } else { Target::Send(max_source_amount) };
    let rates = RateBounds::new(low, high);
    let max_packet_amount = material.amount();

    let quote = Quote {
        target,
        max_source_amount,
        min_delivery_amount,
        max_packet_amount,
        min_exchange_rate,
        rates,
        rounding_allowance: 0,
    };

    let data = material.one_in(4).then(|| material.octets(50));
    let payment = Payment::new(&destination, &quote, data).ok()?;
    Some(Run { keys, payment, quote, now: Timestamp::EPOCH, replies: Vec::new(), answered: BTreeMap::new() })
}

impl Run {
    /// Whether the payment is done.
    fn poll(&mut self, material: &mut Material) -> bool {
        match self.payment.poll_prepare(self.now, material.entropy()) {
            Poll::Send(packet) => self.answer(&packet, material),
            Poll::WaitUntil(instant) => {
                assert!(instant > self.now, "asked to wait for the past");
                if material.one_in(4) {
                    self.now = instant;
                }
            }
            Poll::Done(outcome) => {
                self.check();
                assert_eq!((outcome.amount_sent, outcome.amount_delivered), self.truth());
                assert_eq!(self.payment.source_in_flight(), 0, "done with packets outstanding");
                return true;
            }
        }
        false
    }

    fn answer(&mut self, packet: &OutgoingPrepare, material: &mut Material) {
        let Ok(prepare) = Prepare::parse(&packet.packet) else { panic!("a sender makes packets") };
        let (mut fulfilled, own_address) = (None, receiver());
        let reject = |code| Reject::new(code, own_address.address().as_ref());

        let reply = match material.below(12) {
            0 => reject(*material.pick(ErrorCode::KNOWN)).encode(),
            1 => too_large(material),
            2 => Fulfill { fulfillment: Fulfillment::new(material.array()), data: &[] }.encode(),
            3 => material.octets(60),
            _ => {
                // Close to the true rate, because a connector does not forward an amount of zero.
                let rate = self.quote.rates.low();
                let share = Ratio::new(u128::from(material.u64() % 40 + 80), 100).unwrap_or(Ratio::ONE);
                let arrives = rate.checked_mul(&share).and_then(|rate| rate.checked_mul_floor(prepare.amount));
                match arrives {
                    Some(amount) if amount > 0 => {
                        match receiver().evaluate(&Prepare { amount, ..prepare }, self.now, material.entropy()) {
                            Decision::Reply(reply) => reply,
                            Decision::Money(money) => {
                                let (reply, taken) = self.decide(money, &prepare, material);
                                fulfilled = taken.map(|delivered| (prepare.amount, delivered));
                                reply
                            }
                        }
                    }
                    _ => reject(ErrorCode::R01InsufficientSourceAmount).encode(),
                }
            }
        };

        self.replies.push((packet.sequence, reply, fulfilled));
    }

    /// The application behind the receiver decides about the money, and a node may change the Fulfill. Returns the
    /// amount that the sender can know to have arrived.
    fn decide(&self, money: Money, prepare: &Prepare<'_>, material: &mut Material) -> (Vec<u8>, Option<u64>) {
        let amount = money.amount();
        let limit = ReceiveLimit { maximum: material.amount(), total_received: material.amount() };
        match material.below(20) {
            0 => (money.decline_temporarily(), None),
            1 if material.one_in(8) => (money.decline_finally(&material.octets(20)), None),
            2 => (money.announcing(limit).accept(Some(material.u64())), Some(amount)),
            3 if material.one_in(4) => {
                let genuine = money.accept(None);
                let Ok(Reply::Fulfill(fulfill)) = Reply::parse(&genuine) else { panic!("accepted is fulfilled") };
                let data = material.octets(40);
                (Fulfill { data: &data, ..fulfill }.encode(), Some(self.minimum(prepare)))
            }
            _ => (money.accept(Some(material.u64())), Some(amount)),
        }
    }

    /// The minimum that the sender named in a request.
    fn minimum(&self, prepare: &Prepare<'_>) -> u64 {
        let plaintext = self.keys.open(prepare.data).unwrap_or_default();
        let request = StreamPacket::parse(&plaintext).map(|request| request.prepare_amount);
        request.unwrap_or_else(|error| panic!("the sender's own packet: {error}"))
    }

    /// Delivers any of the replies under way. Some arrive more than once, some with a wrong number.
    fn deliver(&mut self, material: &mut Material) {
        if self.replies.is_empty() {
            return;
        }
        let at = material.below(self.replies.len());
        let (sequence, reply, fulfilled) =
            if material.one_in(5) { self.replies[at].clone() } else { self.replies.swap_remove(at) };
        let before = self.payment.amount_sent();
        self.payment.handle_reply(self.now, sequence, &reply);
        let first = self.answered.insert(sequence, fulfilled);
        if let Some(first) = first {
            self.answered.insert(sequence, first);
            assert_eq!(self.payment.amount_sent(), before, "a repeated reply was counted again");
        }
        if material.one_in(10) {
            let stray = material.u64();
            if !self.replies.iter().any(|(sequence, ..)| *sequence == stray) {
                self.payment.handle_reply(self.now, stray, &reply);
            }
        }
    }

    fn truth(&self) -> (u64, u64) {
        let add = |(sent, delivered): (u64, u64), (s, d): &(u64, u64)| (sent + s, delivered.saturating_add(*d));
        self.answered.values().flatten().fold((0, 0), add)
    }

    fn check(&self) {
        let (sent, delivered) = self.truth();
        assert_eq!(self.payment.amount_sent(), sent);
        assert_eq!(self.payment.amount_delivered(), delivered);
        assert!(sent + self.payment.source_in_flight() <= self.quote.max_source_amount);
        // Amounts delivered are counted up to 2^64−1.
        let least = self.quote.min_exchange_rate.checked_mul_ceil(sent.saturating_sub(1));
        assert!(least.is_none_or(|least| delivered >= least), "below the minimum rate");
    }
}
