//! Writes packets of outgoing payments before they are sent, those of many callers in one transaction.
//!
//! The first caller writes for all callers that arrive while it writes. So packets that are sent together cost one
//! durable commit.

use std::mem;
use std::sync::{Mutex, PoisonError};

use payments_model::OutgoingPaymentId;
use payments_model::outgoing_payment::Progress;
use payments_store::{Error, PacketInFlight, Store};
use tokio::sync::oneshot;
use uuid::Uuid;

/// A packet was not written.
#[derive(Debug, thiserror::Error)]
#[error("the packet could not be stored, so it is not sent")]
pub(crate) struct NotWritten;

/// Packets of one attempt whose outcome is known, and the total that they moved.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) payment: OutgoingPaymentId,
    pub(crate) attempt: Uuid,
    pub(crate) sequences: Vec<u64>,
    pub(crate) moved: Progress,
}

type Waiting = (PacketInFlight, Settled, oneshot::Sender<Result<(), NotWritten>>);

pub(crate) struct PacketLog {
    store: Store,
    queue: Mutex<Vec<Waiting>>,
    writing: tokio::sync::Mutex<()>,
}

impl PacketLog {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, queue: Mutex::default(), writing: tokio::sync::Mutex::default() }
    }

    /// Writes `packet` and deletes the rows of `settled`. The packet may be sent when this has returned.
    pub(crate) async fn write(&self, packet: PacketInFlight, settled: Settled) -> Result<(), NotWritten> {
        let (sender, written) = oneshot::channel();
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push((packet, settled, sender));
        {
            let _writer = self.writing.lock().await;
            let batch = mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner));
            if !batch.is_empty() {
                self.write_all(batch).await;
            }
        }
        // If the writing task is dropped, its senders are dropped too. The result is then unknown, so no packet is
        // sent.
        written.await.unwrap_or(Err(NotWritten))
    }

    async fn write_all(&self, batch: Vec<Waiting>) {
        let mut packets = Vec::with_capacity(batch.len());
        let mut settled = Vec::new();
        let mut waiting = Vec::with_capacity(batch.len());
        for (packet, known, sender) in batch {
            packets.push(packet);
            if !known.sequences.is_empty() {
                settled.push(known);
            }
            waiting.push(sender);
        }
        let written = self.commit(&packets, &settled).await;
        if let Err(error) = &written {
            tracing::error!(%error, packets = packets.len(), "packets were not stored");
        }
        for sender in waiting {
            // The receiver is gone if the payment was stopped.
            let _ = sender.send(if written.is_ok() { Ok(()) } else { Err(NotWritten) });
        }
    }

    async fn commit(&self, packets: &[PacketInFlight], settled: &[Settled]) -> Result<(), Error> {
        let unit = self.store.begin().await?;
        let scope = unit.every_tenant();
        scope.insert_packets_in_flight(packets)?;
        for known in settled {
            scope.count_packets(known.payment, known.attempt, &known.sequences, known.moved).await?;
        }
        unit.commit().await
    }
}
