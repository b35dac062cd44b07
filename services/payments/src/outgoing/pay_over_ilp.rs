//! Delivering a payment over Interledger, with packets through the own connector.
//!
//! A packet's row is written before it is sent, and deleted when its outcome is counted. After a crash the rows are the
//! packets whose outcome is unknown. They are sent again with the same octets, and so move money once.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use connector::{Outcome, PaymentSource, Source, Transmission};
use futures::future::join_all;
use ilp_packet::{ErrorCode, PrepareBuf, Reject, Reply};
use money::Ratio;
use payments_model::outgoing_payment::{AttemptFailure, Progress};
use payments_model::quote::IlpQuoteDetails;
use payments_model::{DeliveryRecord, IncomingPaymentId, OutgoingPayment, Receiver};
use payments_store::PacketInFlight;
use sealed_text::Place;
use stream::{SharedSecret, StreamPacket, Verdict};
use stream_pay::{OutgoingPrepare, Payment, PaymentError, Poll, Quote, RateBounds, Target, rounding_allowance};
use uuid::Uuid;

use crate::incoming::live_receivers::account_asset;
use crate::outgoing::grant_watch::FirstQuestion;
use crate::outgoing::packet_list::{Begun, PacketList};
use crate::outgoing::packet_log::{NotWritten, Settled};
use crate::quotes::quote_methods::ilp_destination;
use crate::service::Payments;
use crate::stream_driver::drive;
use crate::unavailable::Unavailable;

/// Packets whose outcome is known. The attempt's last transaction deletes their rows.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// For each attempt: its packets, and the total that they moved.
    pub(crate) settled: Vec<Settled>,
    /// What a local delivery moved.
    pub(crate) progress: Progress,
    /// The receiver of a local delivery, if its row does not have the credit yet.
    pub(crate) to_note: Option<IncomingPaymentId>,
    /// What became of the packets.
    pub(crate) record: DeliveryRecord,
    /// Whether packets with unknown outcome exist.
    pub(crate) unresolved: bool,
    /// Whether the payment's row was changed meanwhile.
    pub(crate) row_has_changed: bool,
}

/// The most that a payment may spend, the least that it must deliver, and the data of its quote.
pub(crate) type Limits = (u64, u64, IlpQuoteDetails);

/// The result of sending an interrupted attempt's packets again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// All outcomes are known.
    Settled,
    /// Some outcomes are unknown.
    Unresolved,
}

impl Payments {
    /// Sends the packets again that may have been under way when an attempt was interrupted.
    pub(crate) async fn resume_packets(
        &self,
        payment: &OutgoingPayment,
        counted: &mut Counted,
    ) -> Result<Resumed, Unavailable> {
        let left = self.store().tenant(payment.quote.tenant_id).packets_in_flight(payment.id()).await?;
        let mut resumed = Resumed::Settled;
        // All at the same time, because a peer that does not answer delays each of them until it expires again.
        let resent = left.into_iter().map(|packet| async move { (self.resend(payment, &packet).await, packet) });
        for (outcome, packet) in join_all(resent).await {
            match outcome {
                Some((moved, refused_with)) => {
                    match refused_with {
                        Some(code) => counted.record.rejected(self.wall(), &code.to_string()),
                        None => counted.record.fulfilled(self.wall(), moved),
                    }
                    counted.settled.push(Settled {
                        payment: packet.payment,
                        attempt: packet.attempt,
                        sequences: vec![packet.sequence],
                        moved,
                    });
                }
                None => resumed = Resumed::Unresolved,
            }
        }
        Ok(resumed)
    }

    /// What the packet moved, and the code if it was refused; `None` if that is still unknown.
    async fn resend(
        &self,
        payment: &OutgoingPayment,
        packet: &PacketInFlight,
    ) -> Option<(Progress, Option<ErrorCode>)> {
        let Ok(mut prepare) = PrepareBuf::parse(packet.prepare.clone()) else {
            tracing::error!(payment.id = %payment.id(), "ALERT a stored packet cannot be read");
            return None;
        };
        prepare.set_expires_at(self.wall() + PACKET_LIFE);
        let connector = &self.0.parts.connector;
        let reply = match connector.handle_prepare(source(payment), prepare.clone(), Transmission::Again).await {
            Outcome::Reply(reply) => reply,
            Outcome::Unresolved => return None,
            Outcome::Paid => return Some((paid_without_reply(packet, &prepare), None)),
        };
        let secret = secret_of(packet)?;
        let expected = secret.keys().fulfillment(prepare.data());
        let sender = stream::Sender::new(prepare.destination().to_address(), &secret);
        let reading = sender.read(packet.sequence, Some(expected), &reply);
        match reading.verdict {
            Verdict::Fulfilled => {
                let delivered = reading.stream().map_or(0, |stream| stream.prepare_amount);
                Some((Progress { debited: packet.source_amount, delivered }, None))
            }
            Verdict::Rejected { code, .. } => Some((Progress::default(), Some(code))),
            Verdict::WrongFulfillment | Verdict::Undecodable => None,
        }
    }

    /// Pays until `min_delivery` has arrived, and spends at most `max_source`.
    pub(crate) async fn pay_over_ilp(
        &self,
        payment: &OutgoingPayment,
        receiver: &Receiver,
        attempt: Uuid,
        limits: Limits,
        counted: &mut Counted,
    ) -> Result<(), AttemptFailure> {
        let (machine, list, with_data) = self.machine_of(payment, receiver, attempt, limits)?;
        self.drive_payment(payment, machine, list, None, with_data, counted).await
    }

    /// Makes the first packet of a payment's first attempt; `None` if it would have to wait for anything.
    pub(crate) fn begin_over_ilp(
        &self,
        payment: &OutgoingPayment,
        receiver: &Receiver,
        attempt: Uuid,
        limits: Limits,
    ) -> Option<Begun> {
        let (mut machine, list, with_data) = self.machine_of(payment, receiver, attempt, limits).ok()?;
        let at = self.wall();
        match machine.poll_prepare(at, self.entropy()) {
            Poll::Send(first) => Some(Begun { machine, list, first, with_data, at }),
            Poll::WaitUntil(_) | Poll::Done(_) => None,
        }
    }

    /// Continues an attempt whose first packet has been written.
    pub(crate) async fn go_on_over_ilp(
        &self,
        payment: &OutgoingPayment,
        begun: Begun,
        counted: &mut Counted,
    ) -> Result<(), AttemptFailure> {
        let Begun { machine, list, first, with_data, .. } = begun;
        list.written(first.sequence);
        self.drive_payment(payment, machine, list, Some(first), with_data, counted).await
    }

    async fn drive_payment(
        &self,
        payment: &OutgoingPayment,
        mut machine: Payment,
        list: PacketList,
        first: Option<OutgoingPrepare>,
        with_data: bool,
        counted: &mut Counted,
    ) -> Result<(), AttemptFailure> {
        let (clock, entropy) = (&*self.0.parts.clock, self.entropy());
        let send = |packet: OutgoingPrepare| self.send_packet(payment, &list, packet);

        let mut before = Progress::default();
        let replied = |machine: &mut Payment, sequence: u64| {
            let now = Progress { debited: machine.amount_sent(), delivered: machine.amount_delivered() };
            list.answered(sequence, before, now, clock.wall());
            before = now;
        };

        let question = if first.is_some() { FirstQuestion::Later } else { FirstQuestion::AtOnce };
        let stop = async {
            match &self.0.parts.grant_watch {
                Some(watch) => watch.has_ended(payment, question).await,
                None => std::future::pending().await,
            }
        };
        let outcome = drive(&mut machine, clock, entropy, first, send, replied, stop).await;
        counted.unresolved |= list.has_unanswered();
        counted.row_has_changed |= list.has_told_the_row();
        counted.settled.push(list.take_settled());
        counted.record = mem::take(&mut counted.record).with(&list.take_record());

        self.close_in_background(machine.close(), source(payment));
        match outcome.error {
            None => Ok(()),
            Some(error) => Err(failure(error, outcome.application_data.filter(|_| with_data))),
        }
    }

    async fn send_packet(
        &self,
        payment: &OutgoingPayment,
        list: &PacketList,
        packet: OutgoingPrepare,
    ) -> (u64, Option<Vec<u8>>) {
        let sequence = packet.sequence;
        let Ok(prepare) = PrepareBuf::parse(packet.packet) else { return (sequence, None) };
        if !list.is_written(sequence) && self.write_down(list, sequence, &prepare).await.is_err() {
            let never_left = Reject::new(ErrorCode::T00InternalError, self.settings().operator_ilp_address.as_ref());
            return (sequence, Some(never_left.encode()));
        }
        let connector = &self.0.parts.connector;
        match connector.handle_prepare(source(payment), prepare, Transmission::First).await {
            Outcome::Reply(reply) => {
                if let Ok(Reply::Reject(reject)) = Reply::parse(&reply) {
                    list.rejected(reject.code, self.wall());
                }
                (sequence, Some(reply.into()))
            }
            Outcome::Unresolved | Outcome::Paid => (sequence, None),
        }
    }

    /// Writes a packet before it is sent, and deletes the rows of packets with known outcome.
    async fn write_down(&self, list: &PacketList, sequence: u64, prepare: &PrepareBuf) -> Result<(), NotWritten> {
        let settled = list.take_settled();
        let written = self.0.packets.write(list.row(sequence, prepare, self.now()), settled.clone()).await;
        match written {
            Ok(()) => list.written(sequence),
            Err(NotWritten) => list.put_back(settled),
        }
        written
    }
}

impl Payments {
    /// The state of an attempt before its first packet: the sender, the packet list, and whether it carries data.
    fn machine_of(
        &self,
        payment: &OutgoingPayment,
        receiver: &Receiver,
        attempt: Uuid,
        (max_source, min_delivery, details): Limits,
    ) -> Result<(Payment, PacketList, bool), AttemptFailure> {
        let destination = ilp_destination(receiver).map_err(AttemptFailure::fatal)?;
        let quote = Quote {
            target: Target::Deliver(min_delivery),
            max_source_amount: max_source,
            min_delivery_amount: min_delivery,
            max_packet_amount: details.max_packet_amount,
            min_exchange_rate: details.min_rate,
            rates: RateBounds::new(details.low_rate, details.high_rate),
            rounding_allowance: allowance_left(payment, details.min_rate),
        };
        let stored = payment.require_sending().ok().and_then(|sending| sending.data_to_transmit.as_deref());
        let place = Place::DataToTransmit(payment.id().as_uuid());
        let data = stored.map(|stored| self.sealer().open(stored, place)).transpose();
        // The operator can name the missing key. Then a later attempt sends the data.
        let data =
            data.map_err(|error| AttemptFailure::retryable(format!("the data to transmit cannot be read: {error}")))?;
        let with_data = data.is_some();
        let machine = Payment::new(&destination, &quote, data.map(String::into_bytes))
            .map_err(|_| AttemptFailure::fatal(PaymentError::InvalidQuote.to_string()))?;
        let list = PacketList::new(payment.id(), attempt, destination.shared_secret.as_bytes().to_vec());
        Ok((machine, list, with_data))
    }
}

/// The lifetime of a packet that is sent again.
const PACKET_LIFE: Duration = Duration::from_secs(20);

fn source(payment: &OutgoingPayment) -> Source {
    let asset = Arc::new(account_asset(&payment.quote.asset));
    Source::Payment(PaymentSource { tenant: payment.quote.tenant_id, payment: payment.id(), asset })
}

/// What a fulfilled packet moved if the receiver's reply is lost. The receiver fulfils no packet below its minimum
/// amount, so the minimum is counted.
fn paid_without_reply(packet: &PacketInFlight, prepare: &PrepareBuf) -> Progress {
    let request = secret_of(packet).and_then(|secret| secret.keys().open(prepare.data()).ok());
    let minimum = request.and_then(|request| StreamPacket::parse(&request).ok().map(|request| request.prepare_amount));
    Progress { debited: packet.source_amount, delivered: minimum.unwrap_or(0) }
}

fn secret_of(packet: &PacketInFlight) -> Option<SharedSecret> {
    let secret: [u8; 32] = packet.shared_secret.as_slice().try_into().ok()?;
    Some(SharedSecret::new(secret))
}

/// The part of the quote's rounding allowance that is left.
fn allowance_left(payment: &OutgoingPayment, min_rate: Ratio) -> u64 {
    let quote = &payment.quote;
    let whole = rounding_allowance(quote.debit_amount_minus_fees, quote.receive_amount.value, min_rate);
    let progress = payment.require_sending().map(|sending| sending.progress).unwrap_or_default();
    let by_rate = min_rate.checked_mul_ceil(progress.debited).unwrap_or(u64::MAX);
    whole.saturating_sub(by_rate.saturating_sub(progress.delivered))
}

/// The most characters that are kept of a receiver's message.
const MESSAGE_MAX: usize = 1000;

/// The stored reason of a payment that was stopped.
pub(crate) const GRANT_ENDED: &str = "the grant of this payment was ended while it was sent";

/// The failure in its stored form. If the receiver refused the sender's data, its message is included.
fn failure(error: PaymentError, receiver_says: Option<Vec<u8>>) -> AttemptFailure {
    let text = receiver_says.map(|octets| message(&octets));
    match text.filter(|text| !text.is_empty() && error == PaymentError::ApplicationError) {
        Some(text) => AttemptFailure::fatal(text),
        None if error == PaymentError::Stopped => AttemptFailure::fatal(GRANT_ENDED),
        None if error.is_retryable() => AttemptFailure::retryable(error.to_string()),
        None => AttemptFailure::fatal(error.to_string()),
    }
}

/// What a stranger says, as one line that every database can store.
fn message(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_MAX).collect();
    line.trim().to_owned()
}
