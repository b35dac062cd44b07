//! `Pair`: a sender and a receiver on virtual time. The path between them delays, loses, reorders, duplicates, forges
//! and changes packets; its rate and its packet limit change.
//! No test sleeps, and the same seed gives the same run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use clock::{Entropy, SeededEntropy, Timestamp};
use ilp_packet::{Address, ErrorCode, Fulfill, Fulfillment, Prepare, Reject, Reply};
use money::{Asset, Ratio};
use stream::RejectStyle;
use stream_pay::{AssetProbe, Outcome, OutgoingPrepare, PathEstimate, Payment, PaymentError, Poll, Quote, RateProbe};

use crate::support::{End, Hop, START};

/// How the path behaves. Shares are per thousand packets.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// Milliseconds for the way there and back. Each packet takes its own time, so replies can overtake each other.
    pub(crate) latency: (u64, u64),
    /// The packet never reaches the receiver.
    pub(crate) lost: u64,
    /// The packet reaches the receiver, but its reply does not reach the sender.
    pub(crate) reply_lost: u64,
    /// The reply comes after the packet has expired.
    pub(crate) late: u64,
    pub(crate) duplicated: u64,
    /// A node that does not have the shared secret answers.
    pub(crate) forged: u64,
    /// The receiver answers, and a node on the way changes the reply.
    pub(crate) tampered: u64,
    /// Refused temporarily, with T04 and T05 in turn.
    pub(crate) refused: u64,
    /// What the path does from each time on (milliseconds after the start).
    pub(crate) phases: Vec<(u64, Hop)>,
}

impl Weather {
    pub(crate) fn fair(hop: Hop) -> Self {
        Self {
            latency: (1, 1),
            lost: 0,
            reply_lost: 0,
            late: 0,
            duplicated: 0,
            forged: 0,
            tampered: 0,
            refused: 0,
            phases: vec![(0, hop)],
        }
    }
}

/// How often each fault happened to a machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) reply_lost: u64,
    /// Late replies that arrived while the machine was still running.
    pub(crate) late: u64,
    pub(crate) duplicated: u64,
    pub(crate) forged: u64,
    pub(crate) tampered: u64,
    pub(crate) refused: u64,
    /// Replies that came before the reply to an earlier packet.
    pub(crate) reordered: u64,
    /// Packets that passed at a rate different from that of the first phase.
    pub(crate) rate_moved: u64,
    /// Packets that were refused because of a limit below that of the first phase.
    pub(crate) limit_shrunk: u64,
}

impl std::ops::AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.reply_lost += other.reply_lost;
        self.late += other.late;
        self.duplicated += other.duplicated;
        self.forged += other.forged;
        self.tampered += other.tampered;
        self.refused += other.refused;
        self.reordered += other.reordered;
        self.rate_moved += other.rate_moved;
        self.limit_shrunk += other.limit_shrunk;
    }
}

/// The time, the order among equal times, the packet, and what happens.
type DueReply = (Timestamp, u64, u64, Vec<u8>);

pub(crate) struct Pair {
    pub(crate) end: End,
    pub(crate) now: Timestamp,
    weather: Weather,
    chance: SeededEntropy,
    entropy: SeededEntropy,
    replies: BinaryHeap<Reverse<DueReply>>,
    order: u64,
    fulfilled: BTreeMap<u64, Fulfilled>,
    /// Packets whose Fulfill has reached the sender: the amount sent, and the amount that the sender knows to have
    /// arrived.
    known: BTreeMap<u64, (u64, u64)>,
    answered: BTreeSet<u64>,
    expiries: BTreeMap<u64, Timestamp>,
    /// Replies to earlier packets, for a forger to send again.
    past: Vec<Vec<u8>>,
    pub(crate) packets: u64,
    pub(crate) faults: Faults,
}

/// A packet that was fulfilled by the receiver.
struct Fulfilled {
    fulfillment: Fulfillment,
    sent: u64,
    delivered: u64,
}

/// A machine that a pair can drive.
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

impl Machine for AssetProbe {
    type Output = Result<Asset, PaymentError>;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Output> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, _now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(sequence, octets);
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
            expiries: BTreeMap::new(),
            past: Vec::new(),
            packets: 0,
            faults: Faults::default(),
        }
    }

    fn random(&self) -> u64 {
        u64::from_be_bytes((&self.chance as &dyn Entropy).bytes())
    }

    fn happens(&self, per_mille: u64) -> bool {
        self.random() % 1000 < per_mille
    }

    /// Runs until the machine has ended. Returns its result and how long it took.
    pub(crate) fn drive<M: Machine>(&mut self, machine: &mut M) -> (M::Output, Duration) {
        let start = self.now;
        for _ in 0..1_000_000 {
            while self.replies.peek().is_some_and(|Reverse((due, ..))| *due <= self.now) {
                let Some(Reverse((_, _, sequence, reply))) = self.replies.pop() else { break };
                self.faults.late += u64::from(self.expiries.get(&sequence).is_some_and(|expiry| *expiry < self.now));
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
        self.faults.reordered += u64::from(self.answered.last().is_some_and(|last| *last > sequence));
        if !self.answered.insert(sequence) {
            return;
        }
        let Some(fulfilled) = self.fulfilled.get(&sequence) else { return };
        if let Ok(Reply::Fulfill(fulfill)) = Reply::parse(reply)
            && fulfill.fulfillment == fulfilled.fulfillment
        {
            // Without the receiver's statement only the minimum is certain, because the receiver fulfilled.
            let told = self.end.keys.open(fulfill.data).is_ok();
            let delivered = if told { fulfilled.delivered } else { self.end.minima[&sequence] };
            self.known.insert(sequence, (fulfilled.sent, delivered));
        }
    }

    fn carry(&mut self, packet: &OutgoingPrepare) {
        self.packets += 1;
        self.expiries.insert(packet.sequence, packet.expires_at);
        let (least, most) = self.weather.latency;
        let latency = least + self.random() % (most - least + 1);
        if self.happens(self.weather.lost) {
            self.faults.lost += 1;
            return;
        }
        let reply = if self.happens(self.weather.forged) {
            self.faults.forged += 1;
            self.forge(&packet.packet)
        } else {
            let genuine = self.answer(packet, latency / 2);
            self.past.push(genuine.clone());
            if self.happens(self.weather.tampered) { self.tamper(genuine) } else { genuine }
        };
        if self.happens(self.weather.reply_lost) {
            self.faults.reply_lost += 1;
            return;
        }
        let copies = if self.happens(self.weather.duplicated) { 3 } else { 1 };
        self.faults.duplicated += copies - 1;
        let held_back = if self.happens(self.weather.late) { 20_000 } else { 0 };
        for copy in 0..copies {
            let due = self.now + Duration::from_millis(held_back + latency * (copy + 1));
            self.order += 1;
            self.replies.push(Reverse((due, self.order, packet.sequence, reply.clone())));
        }
    }

    fn answer(&mut self, packet: &OutgoingPrepare, way_there: u64) -> Vec<u8> {
        let connector: Address = "test.connector".parse().unwrap();
        let prepare = Prepare::parse(&packet.packet).unwrap();
        assert_eq!(prepare.expires_at, packet.expires_at);
        if self.happens(self.weather.refused) {
            self.faults.refused += 1;
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
        let (_, first) = &self.weather.phases[0];
        let amount = match hop.pass(prepare.amount) {
            Ok(amount) => amount,
            Err(reject) => {
                let shrunk = first.max_packet.is_none_or(|maximum| prepare.amount <= maximum);
                self.faults.limit_shrunk += u64::from(shrunk && hop.max_packet < first.max_packet);
                return reject;
            }
        };
        self.faults.rate_moved += u64::from(hop.rate != first.rate);
        // A receiver fulfils zero, so a connector must not let an amount vanish in rounding.
        if amount == 0 && prepare.amount > 0 {
            return Reject::new(ErrorCode::R01InsufficientSourceAmount, connector.as_ref()).encode();
        }
        let before = self.end.received;
        let reply = self.end.receive(&prepare, amount, arrives);
        if self.end.received > before {
            let fulfillment = self.end.keys.fulfillment(prepare.data);
            let fulfilled = Fulfilled { fulfillment, sent: prepare.amount, delivered: self.end.received - before };
            self.fulfilled.insert(packet.sequence, fulfilled);
        }
        reply
    }

    /// What an attacking node may make of a reply that it cannot read.
    fn tamper(&mut self, reply: Vec<u8>) -> Vec<u8> {
        self.faults.tampered += 1;
        match (Reply::parse(&reply), self.random() % 3) {
            (Ok(Reply::Fulfill(fulfill)), 0) => Fulfill { data: b"", ..fulfill }.encode(),
            (Ok(Reply::Fulfill(fulfill)), 1) => {
                let data: Vec<u8> = fulfill.data.iter().map(|octet| octet ^ 1).collect();
                Fulfill { data: &data, ..fulfill }.encode()
            }
            (Ok(Reply::Reject(reject)), 0) => Reject { code: ErrorCode::T00InternalError, ..reject }.encode(),
            (Ok(Reply::Reject(reject)), 1) => Reject { data: b"", ..reject }.encode(),
            _ => reply[..reply.len() / 2].to_vec(),
        }
    }

    /// What a node without the shared secret might send in place of the reply.
    fn forge(&self, packet: &[u8]) -> Vec<u8> {
        let prepare = Prepare::parse(packet).unwrap();
        let mut data = prepare.data.to_vec();
        let noise: [u8; 32] = (&self.entropy as &dyn Entropy).bytes();
        match self.random() % 6 {
            0 => Fulfill { fulfillment: Fulfillment::new(noise), data: &data }.encode(),
            1 => noise.to_vec(),
            2 => Reject::new(ErrorCode::F08AmountTooLarge, prepare.destination).with_data(&noise).encode(),
            3 => Reject::new(ErrorCode::F99ApplicationError, prepare.destination).with_data(&data).encode(),
            4 if !self.past.is_empty() => {
                let index = usize::try_from(self.random()).unwrap_or_default() % self.past.len();
                self.past[index].clone()
            }
            _ => {
                data.reverse();
                Reject::new(ErrorCode::T00InternalError, prepare.destination).with_data(&data).encode()
            }
        }
    }

    /// Sums of what was fulfilled, as far as the sender can know it.
    pub(crate) fn truth(&self) -> (u64, u64) {
        self.known.values().fold((0, 0), |(sent, delivered), (s, d)| (sent + s, delivered + d))
    }

    /// Checks that the books of both ends agree and that the limits of the quote were kept.
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
