//! What probe, payment and close share: they send the packets of one connection, take the replies, and learn from each
//! reply about the path (RFC 29, section 4.2; the error classes of RFC 27).
//! What to send, and when to stop, is not decided here.

use std::collections::BTreeMap;

use clock::{Entropy, Timestamp};
use ilp_packet::{Address, ErrorClass, ErrorCode};
use money::Asset;
use stream::{Frame, Hashlock, Reading, Request, STREAM_ID, Sender, SharedSecret, Verdict};

use crate::control::PACKET_LIFE;
use crate::error::PaymentError;
use crate::packet_limit::PacketLimit;
use crate::poll::OutgoingPrepare;
use crate::rate_bounds::RateBounds;
use crate::window::Window;

const FRAMES_MAX: usize = 8;

/// The receiver's credentials and asset.
#[derive(Clone, Debug)]
pub struct Destination {
    /// From the payment method of the receiver.
    pub address: Address,
    /// From the payment method of the receiver.
    pub shared_secret: SharedSecret,
    /// The asset in which the receiver receives.
    pub asset: Asset,
}

/// A packet that has no reply yet.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    pub(crate) source_amount: u64,
    pub(crate) min_destination_amount: u64,
    /// The most that it can deliver, according to the rate bounds at the time it was sent.
    pub(crate) destination_at_most: u64,
    pub(crate) fulfillment: Option<ilp_packet::Fulfillment>,
    pub(crate) expires_at: Timestamp,
    pub(crate) timed_out: bool,
}

/// One packet to be sent.
pub(crate) struct OutgoingPacket<'a> {
    pub(crate) source_amount: u64,
    pub(crate) min_destination_amount: u64,
    pub(crate) hashlock: Hashlock,
    pub(crate) frames: &'a [Frame<'a>],
}

/// What one reply shows. The path's state has been updated with it.
pub(crate) struct Settled {
    pub(crate) packet: InFlight,
    pub(crate) verdict: Verdict,
    /// What arrived, if the receiver stated it.
    pub(crate) destination_amount: Option<u64>,
    pub(crate) authentic: bool,
    pub(crate) receive_max: Option<u64>,
    pub(crate) receipt: Option<Vec<u8>>,
    pub(crate) error: Option<PaymentError>,
    pub(crate) application_data: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    sender: Sender,
    asset: Asset,
    established: bool,
    pub(crate) in_flight: BTreeMap<u64, InFlight>,
    pub(crate) window: Window,
    pub(crate) limit: PacketLimit,
    pub(crate) rates: RateBounds,
    /// The greatest amount from which the rate was learned.
    rate_from: u64,
    /// The largest loss of a much smaller packet against the rate, in the destination's units. So this is the loss that
    /// the roundings of the whole path can cause, as far as packets have shown.
    rounding: u64,
}

impl Settled {
    /// What arrived, or what would have arrived with a lower minimum. It is 0 if a node reports that the amount is
    /// worth nothing.
    pub(crate) fn arrived(&self) -> Option<u64> {
        self.is_worthless().then_some(0).or(self.destination_amount)
    }

    /// A node reports that the amount is worth nothing in its next account's asset.
    pub(crate) fn is_worthless(&self) -> bool {
        matches!(self.verdict, Verdict::Rejected { code: ErrorCode::R01InsufficientSourceAmount, .. })
    }
}

impl Exchange {
    pub(crate) fn new(destination: &Destination, limit: PacketLimit, rates: RateBounds) -> Self {
        let sender = Sender::new(destination.address.clone(), &destination.shared_secret);
        let asset = destination.asset.clone();
        Self {
            sender,
            asset,
            established: false,
            in_flight: BTreeMap::new(),
            window: Window::new(),
            limit,
            rates,
            rate_from: 0,
            rounding: 0,
        }
    }

    pub(crate) fn into_sender(self) -> Sender {
        self.sender
    }

    /// Whether the receiver has answered any packet.
    pub(crate) fn is_established(&self) -> bool {
        self.established
    }

    /// How many packets still count as outstanding.
    pub(crate) fn outstanding(&self) -> usize {
        self.in_flight.values().filter(|packet| !packet.timed_out).count()
    }

    /// The least that can arrive of `source` units, as far as packets have shown.
    pub(crate) fn destination_at_least(&self, source: u64) -> u64 {
        self.rates.destination_at_least(source).saturating_sub(self.rounding)
    }

    /// How many source units are enough for `destination` to arrive, as far as packets have shown. `None` while no rate
    /// is known.
    pub(crate) fn source_enough_for(&self, destination: u64) -> Option<u64> {
        self.rates.source_enough_for(destination.saturating_add(self.rounding))
    }

    /// How much less than the rate says a packet may deliver without breaking the rate: one unit, or the largest loss
    /// to rounding that was seen.
    pub(crate) fn rounding_at_most(&self) -> u64 {
        self.rounding.saturating_add(1)
    }

    /// Whether the outstanding packets can deliver different amounts, as far as is known.
    pub(crate) fn is_uncertain(&self) -> bool {
        let uncertain =
            |packet: &InFlight| self.destination_at_least(packet.source_amount) < packet.destination_at_most;
        self.in_flight.values().any(|packet| !packet.timed_out && uncertain(packet))
    }

    /// When the next packet may be sent; `None` while the window is full.
    pub(crate) fn opens_at(&self) -> Option<Timestamp> {
        self.window.opens_at(self.outstanding())
    }

    /// The instant at which the oldest outstanding packet is given up.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.in_flight.values().filter(|packet| !packet.timed_out).map(|packet| packet.expires_at).min()
    }

    /// Numbers, encrypts and stores a packet. Every packet opens the connection until the receiver has answered one.
    pub(crate) fn send(
        &mut self,
        attempt: &OutgoingPacket<'_>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<OutgoingPrepare, PaymentError> {
        let expires_at = now + PACKET_LIFE;
        let mut frames = Vec::with_capacity(FRAMES_MAX);
        if !self.established {
            frames.push(Frame::ConnectionMaxStreamId { max_stream_id: STREAM_ID });
            frames.push(Frame::ConnectionMaxData { max_offset: 0 });
        }

        frames.extend_from_slice(attempt.frames);
        let request = Request {
            source_amount: attempt.source_amount,
            min_destination_amount: attempt.min_destination_amount,
            hashlock: attempt.hashlock,
            expires_at,
            frames: &frames,
        };

        let packet = self.sender.make(&request, entropy).map_err(|_| PaymentError::MaxSafeEncryptionLimit)?;
        let in_flight = InFlight {
            source_amount: attempt.source_amount,
            min_destination_amount: attempt.min_destination_amount,
            destination_at_most: self.rates.destination_at_most(attempt.source_amount),
            fulfillment: packet.fulfillment,
            expires_at,
            timed_out: false,
        };
        self.in_flight.insert(packet.sequence, in_flight);

        Ok(OutgoingPrepare { sequence: packet.sequence, packet: packet.prepare, expires_at })
    }

    /// Gives up the packets whose time is over. They are kept, because their Fulfill may still arrive.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<InFlight> {
        let overdue = self.in_flight.values_mut().filter(|packet| !packet.timed_out && packet.expires_at <= now);
        let mut given_up = Vec::new();
        for packet in overdue {
            given_up.push(packet.clone());
            packet.timed_out = true;
        }
        given_up
    }

    /// Reads the reply to an outstanding packet. `None` if the packet is not outstanding, for example because it has
    /// been answered already.
    pub(crate) fn settle(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) -> Option<Settled> {
        let packet = self.in_flight.remove(&sequence)?;
        let reading = self.sender.read(sequence, packet.fulfillment, octets);
        let stream = reading.stream();
        let authentic = reading.verdict == Verdict::Fulfilled || stream.is_some();
        let mut settled = Settled {
            verdict: reading.verdict,
            packet,
            destination_amount: stream.as_ref().map(|stream| stream.prepare_amount),
            authentic,
            receive_max: None,
            receipt: None,
            error: None,
            application_data: None,
        };

        self.established |= authentic;
        let (mut closed, mut conflict) = (false, false);
        for frame in stream.iter().flat_map(stream::StreamPacket::frames) {
            match frame {
                Frame::ConnectionClose { .. } | Frame::StreamClose { stream_id: STREAM_ID, .. } => closed = true,
                Frame::StreamData { stream_id: STREAM_ID, data, .. } => settled.application_data = Some(data.to_vec()),
                Frame::StreamMaxMoney { stream_id: STREAM_ID, receive_max, .. } => {
                    settled.receive_max = settled.receive_max.max(Some(receive_max));
                }
                Frame::StreamReceipt { stream_id: STREAM_ID, receipt } => settled.receipt = Some(receipt.to_vec()),
                Frame::ConnectionAssetDetails { asset_code, asset_scale } => {
                    conflict |= !self.is_expected_asset(asset_code, asset_scale);
                }
                _ => {}
            }
        }

        let limit_change = self.learn_limit(&settled);
        settled.error = failure(&reading, closed)
            .or(limit_change.err())
            .or(conflict.then_some(PaymentError::DestinationAssetConflict));
        self.adapt_window(&settled, limit_change == Ok(true), sequence, now);
        if let Some(arrived) = settled.destination_amount.filter(|_| settled.packet.source_amount > 0) {
            self.learn_rate(settled.packet.source_amount, arrived);
        }

        Some(settled)
    }

    /// Learns from a packet of `source` that arrived as `arrived`.
    ///
    /// Every node rounds down. So a small packet may arrive as much less than the rate says, or as nothing, although
    /// the rate has not changed. A small packet therefore shows the loss to rounding, and a large packet shows the
    /// rate.
    fn learn_rate(&mut self, source: u64, arrived: u64) {
        let short = self.rates.destination_at_least(source).saturating_sub(arrived);
        if short > 0 && (arrived == 0 || source < self.rate_from / 2) {
            self.rounding = self.rounding.max(short);
            return;
        }
        self.rate_from = self.rate_from.max(source);
        self.rates.observe(source, arrived);
    }

    fn is_expected_asset(&self, code: &[u8], scale: u8) -> bool {
        self.asset.code.as_str().as_bytes() == code && self.asset.scale == scale
    }

    /// Returns whether the limit has changed.
    fn learn_limit(&mut self, settled: &Settled) -> Result<bool, PaymentError> {
        let sent = settled.packet.source_amount;
        // If a probe was worth nothing at a node, its amount was not too large for the nodes before. Nothing is known
        // about the nodes after.
        let is_probe = settled.packet.fulfillment.is_none();
        if settled.authentic || (is_probe && settled.is_worthless()) {
            self.limit.acknowledged(sent);
        }
        match settled.verdict {
            Verdict::Rejected { code: ErrorCode::F08AmountTooLarge, too_large } => {
                self.limit.refused(sent, too_large).map_err(|_| PaymentError::ConnectorError)
            }
            _ => Ok(false),
        }
    }

    fn adapt_window(&mut self, settled: &Settled, limit_changed: bool, sequence: u64, now: Timestamp) {
        let next = self.sender.packets_made();
        match settled.verdict {
            Verdict::Rejected { code, .. } if code.class() == ErrorClass::Temporary => {
                self.window.congested(sequence, next, now);
            }
            Verdict::Fulfilled => self.window.succeeded(),
            // An unfulfillable packet that reached the receiver has served its purpose.
            _ if settled.authentic && settled.packet.fulfillment.is_none() => self.window.succeeded(),
            // A refusal that calls an amount worth nothing also shows the rate.
            Verdict::Rejected { code: ErrorCode::R01InsufficientSourceAmount, .. }
                if settled.packet.fulfillment.is_none() => {}
            _ if limit_changed => {}
            _ => self.window.unproductive(sequence, next, now),
        }
    }
}

/// Whether the reply ends the quote or payment, and why.
fn failure(reading: &Reading, closed: bool) -> Option<PaymentError> {
    let application_error = Verdict::Rejected { code: ErrorCode::F99ApplicationError, too_large: None };
    if closed {
        let refused = reading.verdict == application_error;
        return Some(if refused { PaymentError::ApplicationError } else { PaymentError::ClosedByReceiver });
    }
    match reading.verdict {
        Verdict::Fulfilled => None,
        // After a wrong fulfillment, or a reply that is not a packet, the next hop must not be tried again.
        Verdict::WrongFulfillment | Verdict::Undecodable => Some(PaymentError::ConnectorError),
        Verdict::Rejected { code, .. } => {
            let tolerated = code.class() == ErrorClass::Temporary
                || matches!(
                    code,
                    ErrorCode::F04InsufficientDestinationAmount
                        | ErrorCode::F05WrongCondition
                        | ErrorCode::F08AmountTooLarge
                        | ErrorCode::F99ApplicationError
                        | ErrorCode::R01InsufficientSourceAmount
                );
            (!tolerated).then_some(PaymentError::ConnectorError)
        }
    }
}
