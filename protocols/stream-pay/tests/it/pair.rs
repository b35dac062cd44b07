//! `Pair`: a sender and a receiver on virtual time, joined by a path that delays, loses, reorders, duplicates and forges,
//! whose rate moves and whose packet limit shrinks. No test sleeps, and a seed repeats a run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use clock::{Entropy, SeededEntropy, Timestamp};
use ilp_packet::{Address, ErrorCode, Fulfill, Fulfillment, Prepare, Reject, Reply};
use money::{Asset, Ratio};
use stream::RejectStyle;
use stream_pay::{Outcome, OutgoingPrepare, PathEstimate, Payment, PaymentError, Poll, Quote, RateProbe};

use crate::support::{End, Hop, START};

/// How the path behaves. Shares are per thousand packets.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// Milliseconds for the whole way there and back; each packet takes its own, so replies overtake each other.
    pub(crate) latency: (u64, u64),
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) forged: u64,
    /// Refused for now, with T04 and T05 in turn.
    pub(crate) refused: u64,
    /// From each instant on (milliseconds after the start), what the path does.
    pub(crate) phases: Vec<(u64, Hop)>,
}

impl Weather {
    pub(crate) fn fair(hop: Hop) -> Self {
        Self { latency: (1, 1), lost: 0, duplicated: 0, forged: 0, refused: 0, phases: vec![(0, hop)] }
    }
}

/// When, in which order among equals, to which packet, and what.
type DueReply = (Timestamp, u64, u64, Vec<u8>);

pub(crate) struct Pair {
    pub(crate) end: End,
    pub(crate) now: Timestamp,
    weather: Weather,
    chance: SeededEntropy,
    entropy: SeededEntropy,
    replies: BinaryHeap<Reverse<DueReply>>,
    order: u64,
    /// What each packet that was really fulfilled took from the sender and brought the receiver.
    pub(crate) fulfilled: BTreeMap<u64, (u64, u64)>,
    /// Packets whose Fulfill has reached the sender.
    pub(crate) known: BTreeMap<u64, (u64, u64)>,
    answered: BTreeSet<u64>,
    pub(crate) packets: u64,
}

/// What a pair can drive.
pub(crate) trait Machine {
    type Output;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output>;
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]);
    /// Checked after every step.
    fn check(&self) {}
}

impl Machine for RateProbe {
    type Output = Result<PathEstimate, PaymentError>;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(now, sequence, octets);
    }
}

/// A payment that checks at every step that it stays below its maximum.
pub(crate) struct Watched(pub(crate) Payment, pub(crate) u64);

impl Machine for Watched {
    type Output = Outcome;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Outcome> {
        self.0.poll_prepare(now, entropy)
    }
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        self.0.handle_reply(now, sequence, octets);
    }
    fn check(&self) {
        assert!(self.0.amount_sent() + self.0.source_in_flight() <= self.1, "more than the maximum is under way");
    }
}

impl Pair {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        let asset = Asset::new("EUR", 2).unwrap();
        Self {
            end: End::new(asset, RejectStyle::Specific, None, seed ^ 1),
            now: START,
            weather,
            chance: SeededEntropy::new(seed ^ 2),
            entropy: SeededEntropy::new(seed ^ 3),
            replies: BinaryHeap::new(),
            order: 0,
            fulfilled: BTreeMap::new(),
            known: BTreeMap::new(),
            answered: BTreeSet::new(),
            packets: 0,
        }
    }

    fn random(&self) -> u64 {
        u64::from_be_bytes((&self.chance as &dyn Entropy).bytes())
    }

    fn happens(&self, per_mille: u64) -> bool {
        self.random() % 1000 < per_mille
    }

    /// Runs until the machine is done, and gives its result and how long it took.
    pub(crate) fn drive<M: Machine>(&mut self, machine: &mut M) -> (M::Output, Duration) {
        let start = self.now;
        for _ in 0..1_000_000 {
            while self.replies.peek().is_some_and(|Reverse((due, ..))| *due <= self.now) {
                let Some(Reverse((_, _, sequence, reply))) = self.replies.pop() else { break };
                self.note_reply(sequence, &reply);
                machine.reply(self.now, sequence, &reply);
                machine.check();
            }
            let entropy = SeededEntropy::new(self.random());
            match machine.poll(self.now, &entropy) {
                Poll::Send(packet) => self.carry(&packet),
                Poll::WaitUntil(instant) => {
                    assert!(instant > self.now, "asked to wait for the past");
                    let next_reply = self.replies.peek().map_or(instant, |Reverse((due, ..))| *due);
                    self.now = instant.min(next_reply);
                }
                Poll::Done(output) => return (output, self.now.saturating_since(start)),
            }
            machine.check();
        }
        panic!("the machine does not come to an end");
    }

    /// The first reply to a packet decides; a later one changes nothing.
    fn note_reply(&mut self, sequence: u64, reply: &[u8]) {
        if !self.answered.insert(sequence) {
            return;
        }
        let genuine = matches!(Reply::parse(reply), Ok(Reply::Fulfill(fulfill)) if !fulfill.data.is_empty());
        if let Some(amounts) = self.fulfilled.get(&sequence).filter(|_| genuine) {
            self.known.insert(sequence, *amounts);
        }
    }

    fn carry(&mut self, packet: &OutgoingPrepare) {
        self.packets += 1;
        let (least, most) = self.weather.latency;
        let latency = least + self.random() % (most - least + 1);
        if self.happens(self.weather.lost) {
            return;
        }
        let reply = if self.happens(self.weather.forged) {
            self.forge(&packet.packet)
        } else {
            self.answer(packet, latency / 2)
        };
        let copies = if self.happens(self.weather.duplicated) { 3 } else { 1 };
        for copy in 0..copies {
            let due = self.now + Duration::from_millis(latency * (copy + 1));
            self.order += 1;
            self.replies.push(Reverse((due, self.order, packet.sequence, reply.clone())));
        }
    }

    fn answer(&mut self, packet: &OutgoingPrepare, way_there: u64) -> Vec<u8> {
        let connector: Address = "test.connector".parse().unwrap();
        let prepare = Prepare::parse(&packet.packet).unwrap();
        assert_eq!(prepare.expires_at, packet.expires_at);
        if self.happens(self.weather.refused) {
            let code = if self.random().is_multiple_of(2) {
                ErrorCode::T04InsufficientLiquidity
            } else {
                ErrorCode::T05RateLimited
            };
            return Reject::new(code, connector.as_ref()).encode();
        }
        let arrives = self.now + Duration::from_millis(way_there);
        let age = u64::try_from(arrives.saturating_since(START).as_millis()).unwrap();
        let (_, hop) = self.weather.phases.iter().rev().find(|(from, _)| *from <= age).unwrap();
        let amount = match hop.pass(prepare.amount) {
            Ok(amount) => amount,
            Err(reject) => return reject,
        };
        // A receiver fulfils zero, so a connector must not let an amount vanish in rounding.
        if amount == 0 && prepare.amount > 0 {
            return Reject::new(ErrorCode::R01InsufficientSourceAmount, connector.as_ref()).encode();
        }
        let before = self.end.received;
        let reply = self.end.receive(&prepare, amount, arrives);
        if self.end.received > before {
            self.fulfilled.insert(packet.sequence, (prepare.amount, self.end.received - before));
        }
        reply
    }

    /// What somebody on the path without the shared secret might send instead of the reply.
    fn forge(&self, packet: &[u8]) -> Vec<u8> {
        let prepare = Prepare::parse(packet).unwrap();
        let mut data = prepare.data.to_vec();
        let noise: [u8; 32] = (&self.entropy as &dyn Entropy).bytes();
        match self.random() % 5 {
            0 => Fulfill { fulfillment: Fulfillment::new(noise), data: &data }.encode(),
            1 => noise.to_vec(),
            2 => Reject::new(ErrorCode::F08AmountTooLarge, prepare.destination).with_data(&noise).encode(),
            3 => Reject::new(ErrorCode::F99ApplicationError, prepare.destination).with_data(&data).encode(),
            _ => {
                data.reverse();
                Reject::new(ErrorCode::T00InternalError, prepare.destination).with_data(&data).encode()
            }
        }
    }

    /// Sums of what was really fulfilled, as far as the sender can know it.
    pub(crate) fn truth(&self) -> (u64, u64) {
        self.known.values().fold((0, 0), |(sent, delivered), (s, d)| (sent + s, delivered + d))
    }

    /// The books of both ends agree, and nothing beyond the limits of the quote has happened.
    pub(crate) fn assert_conserved(&self, outcome: &Outcome, quote: &Quote) {
        assert_eq!((outcome.amount_sent, outcome.amount_delivered), self.truth(), "{outcome:?}");
        assert!(self.end.received >= outcome.amount_delivered);
        assert!(outcome.amount_sent <= quote.max_source_amount);
        let enforced = outcome.amount_sent.saturating_sub(1);
        let least = quote.min_exchange_rate.checked_mul_ceil(enforced).unwrap();
        assert!(outcome.amount_delivered >= least, "{outcome:?} is below the minimum rate");
    }
}

pub(crate) fn ratio(numerator: u64, denominator: u64) -> Ratio {
    Ratio::new(numerator.into(), denominator.into()).unwrap()
}
