//! Stores the questions about money that came with data, and their answers.
//!
//! It does not store the data: the event that asks the question contains it.

use clock::Timestamp;
use database::{Error, Locked, WriteTransaction};
use payments_model::partial_payment::{Offer, PartialPayment, PartialPaymentDecision, Standing};
use payments_model::{IncomingPaymentId, PartialPaymentId, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::convert::{Place, stored_instant};
use crate::rows::partial_payment::{ActiveModel, Column, Entity, Model};
use crate::scope::Scope;

const TABLE: &str = "partial_payments";

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The question with this id.
    pub async fn partial_payment(&self, id: PartialPaymentId) -> Result<Option<PartialPayment>, Error> {
        let select = Entity::find_by_id(id.as_uuid()).filter(self.within(Column::TenantId));
        select.one(self.connection).await?.map(question).transpose()
    }

    /// The questions about a payment that were asked after `since`, the newest first.
    pub async fn partial_payments(
        &self,
        payment: IncomingPaymentId,
        since: Timestamp,
    ) -> Result<Vec<PartialPayment>, Error> {
        let rows = Entity::find()
            .filter(self.within(Column::TenantId))
            .filter(Column::IncomingPaymentId.eq(payment.as_uuid()))
            .filter(Column::AskedAt.gt(since.as_millis()))
            .order_by_desc(Column::AskedAt)
            .order_by_desc(Column::Id)
            .all(self.connection)
            .await?;
        rows.into_iter().map(question).collect()
    }
}

impl<'t> Scope<'t, WriteTransaction> {
    /// The question with this id, locked until this unit ends.
    pub async fn locked_partial_payment(
        &self,
        id: PartialPaymentId,
    ) -> Result<Option<Locked<'t, PartialPayment>>, Error> {
        let select = Entity::find_by_id(id.as_uuid()).filter(self.within(Column::TenantId));
        let found = select.lock_exclusive().one(self.connection).await?.map(question).transpose()?;
        Ok(found.map(|found| Locked::read_under_lock(self.connection, id.as_uuid(), found)))
    }

    /// Stores a new question. Its event is stored before it.
    pub fn insert_partial_payment(&self, question: &PartialPayment) -> Result<(), Error> {
        self.must_reach(question.tenant_id)?;
        let answer = answer(&question.standing);
        let row = ActiveModel {
            id: Set(question.id.as_uuid()),
            tenant_id: Set(question.tenant_id.as_uuid()),
            incoming_payment_id: Set(question.payment.as_uuid()),
            data_fingerprint: Set(hex::encode(question.offer.data)),
            connection: Set(hex::encode(question.offer.connection)),
            asked_at: Set(question.asked_at.as_millis()),
            until: Set(question.until.as_millis()),
            ..answer
        };
        self.write(TABLE, question.id, &Entity::insert(row));
        Ok(())
    }

    /// Stores the answer to a question.
    pub fn update_partial_payment(&self, question: &Locked<'_, PartialPayment>) {
        let update = Entity::update_many().set(answer(&question.standing)).filter(self.within(Column::TenantId));
        self.write_or_fail(TABLE, question.id, &update.filter(Column::Id.eq(question.row())));
    }
}

/// The columns that may change.
fn answer(standing: &Standing) -> ActiveModel {
    let (state, reason, decided_at) = match standing {
        Standing::Asked => ("ASKED", None, None),
        Standing::Decided { decision: PartialPaymentDecision::Accept, at } => ("ACCEPTED", None, Some(*at)),
        Standing::Decided { decision: PartialPaymentDecision::Reject { reason }, at } => {
            ("REJECTED", reason.clone(), Some(*at))
        }
        Standing::Unanswered => ("UNANSWERED", None, None),
    };
    ActiveModel {
        state: Set(state.to_owned()),
        reason: Set(reason),
        decided_at: Set(stored_instant(decided_at)),
        ..Default::default()
    }
}

fn question(row: Model) -> Result<PartialPayment, Error> {
    let place = Place { table: TABLE, row: row.id };
    let decided = |decision| {
        let at = row.decided_at.ok_or_else(|| place.inconsistent("decided_at"))?;
        Ok::<_, Error>(Standing::Decided { decision, at: Timestamp::from_millis(at) })
    };
    let standing = match row.state.as_str() {
        "ASKED" => Standing::Asked,
        "ACCEPTED" => decided(PartialPaymentDecision::Accept)?,
        "REJECTED" => decided(PartialPaymentDecision::Reject { reason: row.reason })?,
        "UNANSWERED" => Standing::Unanswered,
        _ => return Err(place.inconsistent("state")),
    };
    Ok(PartialPayment {
        id: row.id.into(),
        tenant_id: TenantId::from_uuid(row.tenant_id),
        payment: row.incoming_payment_id.into(),
        offer: Offer {
            data: octets(&row.data_fingerprint).ok_or_else(|| place.inconsistent("data_fingerprint"))?,
            connection: octets(&row.connection).ok_or_else(|| place.inconsistent("connection"))?,
        },
        asked_at: Timestamp::from_millis(row.asked_at),
        until: Timestamp::from_millis(row.until),
        standing,
    })
}

fn octets(stored: &str) -> Option<[u8; 32]> {
    let mut octets = [0; 32];
    hex::decode_to_slice(stored, &mut octets).ok()?;
    Some(octets)
}
