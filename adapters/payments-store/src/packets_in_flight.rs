//! Packets of outgoing payments whose outcome is not counted yet.
//! Sending packets is in `services/payments`.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use payments_model::OutgoingPaymentId;
use payments_model::outgoing_payment::Progress;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ExprTrait, QueryOrder, QuerySelect, Set};

use crate::convert::{Place, stored_amount};
use crate::rows::outgoing_payment as payment_row;
use crate::rows::packet_in_flight::{ActiveModel, Column, Entity, Model};
use crate::scope::{Scope, must_be_one};

/// A packet that may have been sent and whose outcome is not counted.
#[derive(Clone, PartialEq, Eq)]
pub struct PacketInFlight {
    /// Its payment.
    pub payment: OutgoingPaymentId,
    /// The attempt that sent it.
    pub attempt: Uuid,
    /// Its number in the attempt.
    pub sequence: u64,
    /// The debit if it is fulfilled.
    pub source_amount: u64,
    /// Its octets.
    pub prepare: Vec<u8>,
    /// The shared secret of its connection, needed to read the reply.
    pub shared_secret: Vec<u8>,
    /// When it was written.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for PacketInFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PacketInFlight")
            .field("payment", &self.payment)
            .field("sequence", &self.sequence)
            .field("source_amount", &self.source_amount)
            .finish_non_exhaustive()
    }
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The uncounted packets of a payment, oldest first.
    pub async fn packets_in_flight(&self, payment: OutgoingPaymentId) -> Result<Vec<PacketInFlight>, Error> {
        let select = Entity::find().filter(Column::OutgoingPaymentId.eq(payment.as_uuid()));
        let rows = select.order_by_asc(Column::CreatedAt).order_by_asc(Column::Sequence).all(self.connection).await?;
        rows.into_iter().map(packet).collect()
    }
}

const TABLE: &str = "packets_in_flight";

impl Scope<'_, WriteTransaction> {
    /// Stores packets before they are sent.
    pub fn insert_packets_in_flight(&self, packets: &[PacketInFlight]) -> Result<(), Error> {
        let Some(first) = packets.first() else { return Ok(()) };
        let rows = packets.iter().map(active).collect::<Result<Vec<_>, _>>()?;
        self.write(TABLE, first.payment, &Entity::insert_many(rows));
        Ok(())
    }

    /// Deletes the remaining packets of a payment that has ended. Their commit was not answered, so they were never
    /// sent.
    pub fn forget_packets_in_flight(&self, payment: OutgoingPaymentId) {
        self.write(TABLE, payment, &Entity::delete_many().filter(Column::OutgoingPaymentId.eq(payment.as_uuid())));
    }

    /// Deletes settled packets of one attempt and adds what they moved to the payment's progress.
    ///
    /// Returns `false` and writes nothing if one of them was counted before.
    pub async fn count_packets(
        &self,
        payment: OutgoingPaymentId,
        attempt: Uuid,
        sequences: &[u64],
        moved: Progress,
    ) -> Result<bool, Error> {
        let stored = |sequence: &u64| stored_amount("a packet number", *sequence);
        let stored: Vec<i64> = sequences.iter().map(stored).collect::<Result<_, _>>()?;
        if stored.is_empty() {
            return Ok(true);
        }

        let these = Condition::all()
            .add(Column::OutgoingPaymentId.eq(payment.as_uuid()))
            .add(Column::Attempt.eq(attempt))
            .add(Column::Sequence.is_in(stored));

        let known = Entity::find().filter(these.clone()).select_only().column(Column::Sequence).lock_exclusive();
        let known: Vec<i64> = known.into_tuple().all(self.connection).await?;
        if known.len() != sequences.len() {
            return Ok(false);
        }

        Entity::delete_many().filter(these).exec(self.connection).await?;
        if moved != Progress::default() {
            let debited = stored_amount("the debited amount", moved.debited)?;
            let delivered = stored_amount("the delivered amount", moved.delivered)?;
            let update = payment_row::Entity::update_many()
                .col_expr(
                    payment_row::Column::ProgressDebited,
                    Expr::col(payment_row::Column::ProgressDebited).add(debited),
                )
                .col_expr(
                    payment_row::Column::ProgressDelivered,
                    Expr::col(payment_row::Column::ProgressDelivered).add(delivered),
                )
                .filter(payment_row::Column::Id.eq(payment.as_uuid()));
            let done = update.exec(self.connection).await?;
            must_be_one(done.rows_affected, "outgoing_payments", payment)?;
        }

        Ok(true)
    }
}

fn packet(row: Model) -> Result<PacketInFlight, Error> {
    let place = Place { table: "packets_in_flight", row: row.outgoing_payment_id };
    Ok(PacketInFlight {
        payment: row.outgoing_payment_id.into(),
        attempt: row.attempt,
        sequence: place.amount("sequence", row.sequence)?,
        source_amount: place.amount("source_amount", row.source_amount)?,
        prepare: row.prepare,
        shared_secret: row.shared_secret,
        created_at: Timestamp::from_millis(row.created_at),
    })
}

fn active(packet: &PacketInFlight) -> Result<ActiveModel, Error> {
    Ok(ActiveModel {
        outgoing_payment_id: Set(packet.payment.as_uuid()),
        attempt: Set(packet.attempt),
        sequence: Set(stored_amount("a packet number", packet.sequence)?),
        source_amount: Set(stored_amount("a packet's amount", packet.source_amount)?),
        prepare: Set(packet.prepare.clone()),
        shared_secret: Set(packet.shared_secret.clone()),
        created_at: Set(packet.created_at.as_millis()),
    })
}
