//! Delivering a payment over Interledger: packets through the own connector.
//!
//! A packet is written down before it leaves and taken off the list when its outcome is counted, so that after a
//! crash exactly the packets whose outcome is unknown are sent again: the same octets, which move money once.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connector::{Attempt, Outcome, PaymentSource, Source};
use futures::future::join_all;
use ilp_packet::{ErrorCode, PrepareBuf, Reject};
use money::Ratio;
use payments_model::outgoing_payment::{AttemptFailure, Progress};
use payments_model::quote::IlpQuoteDetails;
use payments_model::{OutgoingPayment, OutgoingPaymentId, Receiver};
use payments_store::PacketInFlight;
use stream::{SharedSecret, StreamPacket, Verdict};
use stream_pay::{OutgoingPrepare, Payment, PaymentError, Quote, RateBounds, Target, rounding_allowance};
use uuid::Uuid;

use crate::incoming::live_receivers::account_asset;
use crate::outgoing::packet_log::Settled;
use crate::quotes::quote_methods::ilp_destination;
use crate::service::Payments;
use crate::stream_driver::drive;
use crate::unavailable::Unavailable;

/// Packets whose outcome became known, to be taken off the list with the attempt's last transaction.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// Per attempt: packets, and what they moved.
    pub(crate) settled: Vec<Settled>,
    /// What a local delivery moved.
    pub(crate) progress: Progress,
    /// Packets are out whose outcome is unknown.
    pub(crate) unresolved: bool,
}

/// What became of packets left behind by an attempt that was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// All outcomes are known.
    Settled,
    /// Some are not.
    Unresolved,
}

impl Payments {
    /// Sends once more what may have been under way when an attempt was interrupted.
    pub(crate) async fn resume_packets(
        &self,
        payment: &OutgoingPayment,
        counted: &mut Counted,
    ) -> Result<Resumed, Unavailable> {
        let left = self.store().tenant(payment.quote.tenant_id).packets_in_flight(payment.id()).await?;
        let mut resumed = Resumed::Settled;
        // Together, for each may wait for a peer that hangs until it expires once more.
        let resent = left.into_iter().map(|packet| async move { (self.resend(payment, &packet).await, packet) });
        for (outcome, packet) in join_all(resent).await {
            match outcome {
                Some(moved) => counted.settled.push(Settled {
                    payment: packet.payment,
                    attempt: packet.attempt,
                    sequences: vec![packet.sequence],
                    moved,
                }),
                None => resumed = Resumed::Unresolved,
            }
        }
        Ok(resumed)
    }

    /// What the packet moved; `None` if that is still unknown.
    async fn resend(&self, payment: &OutgoingPayment, packet: &PacketInFlight) -> Option<Progress> {
        let Ok(mut prepare) = PrepareBuf::parse(packet.prepare.clone()) else {
            tracing::error!(payment.id = %payment.id(), "ALERT a packet written down cannot be read");
            return None;
        };
        prepare.set_expires_at(self.now() + PACKET_LIFE);
        let connector = &self.0.parts.connector;
        let reply = match connector.handle_prepare(source(payment), prepare.clone(), Attempt::Again).await {
            Outcome::Reply(reply) => reply,
            Outcome::Unresolved => return None,
            Outcome::Paid => return Some(paid_without_reply(packet, &prepare)),
        };
        let secret = secret_of(packet)?;
        let expected = secret.keys().fulfillment(prepare.data());
        let sender = stream::Sender::new(prepare.destination().to_address(), &secret);
        let reading = sender.read(packet.sequence, Some(expected), &reply);
        match reading.verdict {
            Verdict::Fulfilled => {
                let delivered = reading.stream().map_or(0, |stream| stream.prepare_amount);
                Some(Progress { debited: packet.source_amount, delivered })
            }
            Verdict::Rejected { .. } => Some(Progress::default()),
            Verdict::WrongFulfillment | Verdict::Undecodable => None,
        }
    }

    /// Pays until `min_delivery` has arrived, spending at most `max_source`.
    pub(crate) async fn pay_over_ilp(
        &self,
        payment: &OutgoingPayment,
        receiver: &Receiver,
        attempt: Uuid,
        (max_source, min_delivery, details): (u64, u64, IlpQuoteDetails),
        counted: &mut Counted,
    ) -> Result<Result<(), AttemptFailure>, Unavailable> {
        let destination = match ilp_destination(receiver) {
            Ok(destination) => destination,
            Err(message) => return Ok(Err(AttemptFailure::fatal(message))),
        };
        let quote = Quote {
            target: Target::Deliver(min_delivery),
            max_source_amount: max_source,
            min_delivery_amount: min_delivery,
            max_packet_amount: details.max_packet_amount,
            min_exchange_rate: details.min_rate,
            rates: RateBounds::new(details.low_rate, details.high_rate),
            rounding_allowance: allowance_left(payment, details.min_rate),
        };
        let data = payment.require_sending().ok().and_then(|sending| sending.data_to_transmit.clone());
        let with_data = data.is_some();
        let Ok(mut machine) = Payment::new(&destination, &quote, data.map(String::into_bytes)) else {
            return Ok(Err(AttemptFailure::fatal(PaymentError::InvalidQuote.to_string())));
        };
        let list = PacketList::new(payment.id(), attempt, destination.shared_secret.as_bytes().to_vec());
        let (clock, entropy) = (&*self.0.parts.clock, self.entropy());
        let send = |packet: OutgoingPrepare| self.send_packet(payment, &list, packet);
        let mut before = Progress::default();
        let replied = |machine: &mut Payment, sequence: u64| {
            let now = Progress { debited: machine.amount_sent(), delivered: machine.amount_delivered() };
            list.answered(sequence, before, now);
            before = now;
        };
        let outcome = drive(&mut machine, clock, entropy, send, replied).await;
        counted.unresolved |= list.has_unanswered();
        counted.settled.push(list.take_settled());
        self.close_in_background(machine.close(), source(payment));
        Ok(match outcome.error {
            None => Ok(()),
            Some(error) => Err(failure(error, outcome.application_data.filter(|_| with_data))),
        })
    }

    async fn send_packet(
        &self,
        payment: &OutgoingPayment,
        list: &PacketList,
        packet: OutgoingPrepare,
    ) -> (u64, Option<Vec<u8>>) {
        let sequence = packet.sequence;
        let Ok(prepare) = PrepareBuf::parse(packet.packet) else { return (sequence, None) };
        let row = PacketInFlight {
            payment: payment.id(),
            attempt: list.attempt,
            sequence,
            source_amount: prepare.amount(),
            prepare: prepare.as_bytes().to_vec(),
            shared_secret: list.shared_secret.clone(),
            created_at: self.now(),
        };
        let settled = list.take_settled();
        if self.0.packets.write(row, settled.clone()).await.is_err() {
            list.put_back(settled);
            let never_left = Reject::new(ErrorCode::T00InternalError, self.settings().operator_ilp_address.as_ref());
            return (sequence, Some(never_left.encode()));
        }
        list.written(sequence);
        let connector = &self.0.parts.connector;
        match connector.handle_prepare(source(payment), prepare, Attempt::First).await {
            Outcome::Reply(reply) => (sequence, Some(reply.into())),
            Outcome::Unresolved | Outcome::Paid => (sequence, None),
        }
    }
}

/// The packets of an attempt that are written down: those without reply, and those to be taken off the list.
struct PacketList {
    payment: OutgoingPaymentId,
    attempt: Uuid,
    shared_secret: Vec<u8>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    unanswered: BTreeSet<u64>,
    settled: Vec<u64>,
    moved: Progress,
}

impl PacketList {
    fn new(payment: OutgoingPaymentId, attempt: Uuid, shared_secret: Vec<u8>) -> Self {
        Self { payment, attempt, shared_secret, known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self, sequence: u64) {
        self.lock().unanswered.insert(sequence);
    }

    /// The reply took the attempt from `before` to `now`. A packet that never left is not on the list.
    fn answered(&self, sequence: u64, before: Progress, now: Progress) {
        let mut known = self.lock();
        if known.unanswered.remove(&sequence) {
            known.settled.push(sequence);
            known.moved.debited += now.debited - before.debited;
            known.moved.delivered += now.delivered - before.delivered;
        }
    }

    fn has_unanswered(&self) -> bool {
        !self.lock().unanswered.is_empty()
    }

    fn take_settled(&self) -> Settled {
        let mut known = self.lock();
        let (sequences, moved) = (mem::take(&mut known.settled), mem::take(&mut known.moved));
        Settled { payment: self.payment, attempt: self.attempt, sequences, moved }
    }

    fn put_back(&self, settled: Settled) {
        let mut known = self.lock();
        known.settled.extend(settled.sequences);
        known.moved.debited += settled.moved.debited;
        known.moved.delivered += settled.moved.delivered;
    }
}

/// How long a packet sent once more may travel.
const PACKET_LIFE: std::time::Duration = std::time::Duration::from_secs(20);

fn source(payment: &OutgoingPayment) -> Source {
    let asset = Arc::new(account_asset(&payment.quote.asset));
    Source::Payment(PaymentSource { tenant: payment.quote.tenant_id, payment: payment.id(), asset })
}

/// What a packet moved whose receiver's word is lost: it fulfils no packet that arrives as less than its minimum.
fn paid_without_reply(packet: &PacketInFlight, prepare: &PrepareBuf) -> Progress {
    let request = secret_of(packet).and_then(|secret| secret.keys().open(prepare.data()).ok());
    let minimum = request.and_then(|request| StreamPacket::parse(&request).ok().map(|request| request.prepare_amount));
    Progress { debited: packet.source_amount, delivered: minimum.unwrap_or(0) }
}

fn secret_of(packet: &PacketInFlight) -> Option<SharedSecret> {
    let secret: [u8; 32] = packet.shared_secret.as_slice().try_into().ok()?;
    Some(SharedSecret::new(secret))
}

/// What roundings may still take beyond the minimum rate: what the quote has left them, less what they have taken.
fn allowance_left(payment: &OutgoingPayment, min_rate: Ratio) -> u64 {
    let quote = &payment.quote;
    let whole = rounding_allowance(quote.debit_amount_minus_fees, quote.receive_amount.value, min_rate);
    let progress = payment.require_sending().map(|sending| sending.progress).unwrap_or_default();
    let by_rate = min_rate.checked_mul_ceil(progress.debited).unwrap_or(u64::MAX);
    whole.saturating_sub(by_rate.saturating_sub(progress.delivered))
}

/// The failure as it is stored; the receiver's own words where it refused the sender's data.
fn failure(error: PaymentError, receiver_says: Option<Vec<u8>>) -> AttemptFailure {
    let text = receiver_says.map(|octets| String::from_utf8_lossy(&octets).trim().to_owned());
    match text.filter(|text| !text.is_empty() && error == PaymentError::ApplicationError) {
        Some(text) => AttemptFailure::fatal(text),
        None if error.is_retryable() => AttemptFailure::retryable(error.to_string()),
        None => AttemptFailure::fatal(error.to_string()),
    }
}
