//! The packets of one attempt to pay: those written, those answered, and the first one, which is made before the
//! attempt.
//!
//! Writing them is in `packet_log`, sending them in `pay_over_ilp`.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Timestamp;
use ilp_packet::{ErrorCode, PrepareBuf};
use payments_model::outgoing_payment::Progress;
use payments_model::{DeliveryRecord, OutgoingPaymentId};
use payments_store::PacketInFlight;
use stream_pay::{OutgoingPrepare, Payment};
use uuid::Uuid;

use crate::outgoing::packet_log::Settled;

/// An attempt whose first packet was made but not sent. It may be sent once its row is written.
pub(crate) struct Begun {
    pub(crate) machine: Payment,
    pub(crate) list: PacketList,
    pub(crate) first: OutgoingPrepare,
    pub(crate) with_data: bool,
    pub(crate) at: Timestamp,
}

/// How long a first packet may wait for its attempt. After that it counts as a packet that may have been sent.
const BEGUN_FOR: Duration = Duration::from_secs(2);

impl Begun {
    pub(crate) fn is_recent(&self, now: Timestamp) -> bool {
        now.saturating_since(self.at) < BEGUN_FOR
    }

    /// The row of the first packet; `None` if the packet cannot be parsed.
    pub(crate) fn row(&self) -> Option<PacketInFlight> {
        let prepare = PrepareBuf::parse(self.first.packet.clone()).ok()?;
        Some(self.list.row(self.first.sequence, &prepare, self.at))
    }
}

/// The packets of an attempt that have rows: those without reply, and those whose rows are to be deleted.
pub(crate) struct PacketList {
    payment: OutgoingPaymentId,
    attempt: Uuid,
    shared_secret: Vec<u8>,
    packets: Mutex<Packets>,
}

#[derive(Default)]
struct Packets {
    unanswered: BTreeSet<u64>,
    settled: Vec<u64>,
    moved: Progress,
    /// Whether the payment's row already has progress of this attempt.
    told_the_row: bool,
    record: DeliveryRecord,
}

impl PacketList {
    pub(crate) fn new(payment: OutgoingPaymentId, attempt: Uuid, shared_secret: Vec<u8>) -> Self {
        Self { payment, attempt, shared_secret, packets: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Packets> {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a packet.
    pub(crate) fn row(&self, sequence: u64, prepare: &PrepareBuf, created_at: Timestamp) -> PacketInFlight {
        PacketInFlight {
            payment: self.payment,
            attempt: self.attempt,
            sequence,
            source_amount: prepare.amount(),
            prepare: prepare.as_bytes().to_vec(),
            shared_secret: self.shared_secret.clone(),
            created_at,
        }
    }

    pub(crate) fn written(&self, sequence: u64) {
        self.lock().unanswered.insert(sequence);
    }

    pub(crate) fn is_written(&self, sequence: u64) -> bool {
        self.lock().unanswered.contains(&sequence)
    }

    /// Notes a reply at `at` that took the attempt from `before` to `now`. A packet that was never sent is not on the
    /// list.
    pub(crate) fn answered(&self, sequence: u64, before: Progress, now: Progress, at: Timestamp) {
        let mut packets = self.lock();
        if packets.unanswered.remove(&sequence) {
            packets.settled.push(sequence);
            let moved = Progress { debited: now.debited - before.debited, delivered: now.delivered - before.delivered };
            packets.moved.debited += moved.debited;
            packets.moved.delivered += moved.delivered;
            if moved != Progress::default() {
                packets.record.fulfilled(at, moved);
            }
        }
    }

    /// Notes the code with which a packet came back.
    pub(crate) fn rejected(&self, code: ErrorCode, at: Timestamp) {
        self.lock().record.rejected(at, &code.to_string());
    }

    /// What became of the packets of this attempt.
    pub(crate) fn take_record(&self) -> DeliveryRecord {
        mem::take(&mut self.lock().record)
    }

    pub(crate) fn has_told_the_row(&self) -> bool {
        self.lock().told_the_row
    }

    pub(crate) fn has_unanswered(&self) -> bool {
        !self.lock().unanswered.is_empty()
    }

    pub(crate) fn take_settled(&self) -> Settled {
        let mut packets = self.lock();
        let (sequences, moved) = (mem::take(&mut packets.settled), mem::take(&mut packets.moved));
        packets.told_the_row |= moved != Progress::default();
        Settled { payment: self.payment, attempt: self.attempt, sequences, moved }
    }

    pub(crate) fn put_back(&self, settled: Settled) {
        let mut packets = self.lock();
        packets.settled.extend(settled.sequences);
        packets.moved.debited += settled.moved.debited;
        packets.moved.delivered += settled.moved.delivered;
    }
}
