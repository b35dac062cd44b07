//! Lists of operations on a running sender and receiver, in any order: poll, deliver, delay, repeat, forge, lose, wait.
//!
//! Whatever happens, the books of both ends agree and the payment stays within its quote.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Timestamp;
use ilp_packet::{AmountTooLarge, ErrorCode, Fulfill, Fulfillment, Prepare, Reject};
use money::{Asset, Ratio};
use stream::{ConnectionDetails, Decision};
use stream_pay::{Destination, OutgoingPrepare, Payment, Poll, Quote, RateBounds, Target};

use crate::material::Material;
use crate::targets::stream_data::receiver;

/// The packet, the reply, and if it was fulfilled what it took and brought.
type ReplyUnderWay = (u64, Vec<u8>, Option<(u64, u64)>);

struct Run {
    payment: Payment,
    quote: Quote,
    now: Timestamp,
    replies: Vec<ReplyUnderWay>,
    answered: BTreeMap<u64, Option<(u64, u64)>>,
}

pub(crate) fn operations(material: &mut Material) {
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
    let credentials = receiver().issue(&ConnectionDetails::default(), material.entropy()).ok()?;
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
    let quote = Quote { target, max_source_amount, min_delivery_amount, max_packet_amount, min_exchange_rate, rates };
    let data = material.one_in(4).then(|| material.octets(50));
    let payment = Payment::new(&destination, &quote, data).ok()?;
    Some(Run { payment, quote, now: Timestamp::EPOCH, replies: Vec::new(), answered: BTreeMap::new() })
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
            1 => {
                let detail = AmountTooLarge { received: material.amount(), maximum: material.amount() }.encode();
                reject(ErrorCode::F08AmountTooLarge).with_data(&detail).encode()
            }
            2 => Fulfill { fulfillment: Fulfillment::new(material.array()), data: &[] }.encode(),
            3 => material.octets(60),
            _ => {
                // Around the true rate; a connector does not let an amount vanish.
                let rate = self.quote.rates.low();
                let share = Ratio::new(u128::from(material.u64() % 40 + 80), 100).unwrap_or(Ratio::ONE);
                let arrives = rate.checked_mul(&share).and_then(|rate| rate.checked_mul_floor(prepare.amount));
                match arrives {
                    Some(amount) if amount > 0 => {
                        match receiver().evaluate(&Prepare { amount, ..prepare }, self.now, material.entropy()) {
                            Decision::Reply(reply) => reply,
                            Decision::Money(money) => {
                                fulfilled = Some((prepare.amount, amount));
                                money.accept(None)
                            }
                        }
                    }
                    _ => reject(ErrorCode::R01InsufficientSourceAmount).encode(),
                }
            }
        };
        self.replies.push((packet.sequence, reply, fulfilled));
    }

    /// Hands over any of the replies under way; some arrive more than once, some under a wrong number.
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
