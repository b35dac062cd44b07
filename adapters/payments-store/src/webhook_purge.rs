//! Finds and removes old events, deliveries and attempts. Each step is bounded.
//!
//! It does not know whether an event's money was withdrawn: the ledger knows that.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use payments_model::webhook_delivery::DeliveryState;
use payments_model::{WebhookEvent, WebhookEventId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query};
use sea_orm::{QueryOrder, QuerySelect, Statement};
use serde::{Deserialize, Serialize};

use crate::rows::webhook_event::{Column, Entity};
use crate::rows::{incoming_payment, outgoing_payment, webhook_attempt, webhook_delivery};
use crate::scope::Scope;
use crate::webhook_events::event;

/// The position in a walk over all events: tenant by tenant, the oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgePlace {
    tenant: Uuid,
    created_at: i64,
    id: Uuid,
}

impl PurgePlace {
    /// The position behind all events of the same tenant.
    pub fn behind_its_tenant(self) -> Self {
        Self { created_at: i64::MAX, id: Uuid::max(), ..self }
    }

    /// The time of the event at this position.
    pub fn created_at(self) -> Timestamp {
        Timestamp::from_millis(self.created_at)
    }
}

/// An old event, with its state in the database.
#[derive(Clone, Debug, PartialEq)]
pub struct OldEvent {
    /// Its position.
    pub place: PurgePlace,
    /// The event; `None` if its row cannot be read.
    pub event: Option<WebhookEvent>,
    /// Whether it has no pending delivery and its payment has ended.
    pub is_over: bool,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// At most `limit` events behind `place`.
    pub async fn events_behind(&self, place: PurgePlace, limit: u64) -> Result<Vec<OldEvent>, Error> {
        let PurgePlace { tenant, created_at, id } = place;

        let same_tenant = Condition::all().add(Column::TenantId.eq(tenant));
        let later = Condition::any()
            .add(Column::CreatedAt.gt(created_at))
            .add(Condition::all().add(Column::CreatedAt.eq(created_at)).add(Column::Id.gt(id)));
        let behind = Condition::any().add(Column::TenantId.gt(tenant)).add(same_tenant.add(later));

        let rows = Entity::find()
            .filter(self.within(Column::TenantId))
            .filter(Column::TenantId.gte(tenant))
            .filter(behind)
            .order_by_asc(Column::TenantId)
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.connection)
            .await?;

        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let open = self.open_among(&ids).await?;
        let old = rows.into_iter().map(|row| OldEvent {
            place: PurgePlace { tenant: row.tenant_id, created_at: row.created_at, id: row.id },
            is_over: !open.contains(&row.id),
            event: event(row).ok(),
        });
        Ok(old.collect())
    }

    /// The events among these that have a pending delivery or are about a payment that has not ended.
    async fn open_among(&self, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }

        let under_way = [DeliveryState::Pending, DeliveryState::Quarantined].map(DeliveryState::as_str);
        let told = Query::select()
            .column(webhook_delivery::Column::EventId)
            .from(webhook_delivery::Entity)
            .and_where(webhook_delivery::Column::EventId.is_in(ids.iter().copied()))
            .and_where(webhook_delivery::Column::State.is_in(under_way))
            .to_owned();

        let sent = Query::select()
            .column(outgoing_payment::Column::Id)
            .from(outgoing_payment::Entity)
            .and_where(
                Expr::col((outgoing_payment::Entity, outgoing_payment::Column::Id))
                    .equals((Entity, Column::OutgoingPaymentId)),
            )
            .and_where(outgoing_payment::Column::State.is_in(["FUNDING", "SENDING"]))
            .to_owned();

        let received = Query::select()
            .column(incoming_payment::Column::Id)
            .from(incoming_payment::Entity)
            .and_where(
                Expr::col((incoming_payment::Entity, incoming_payment::Column::Id))
                    .equals((Entity, Column::IncomingPaymentId)),
            )
            .and_where(incoming_payment::Column::State.is_in(["PENDING", "PROCESSING"]))
            .to_owned();

        let open =
            Condition::any().add(Column::Id.in_subquery(told)).add(Expr::exists(sent)).add(Expr::exists(received));
        let found = Entity::find().filter(Column::Id.is_in(ids.iter().copied())).filter(open);
        Ok(found.select_only().column(Column::Id).into_tuple().all(self.connection).await?)
    }
}

impl Scope<'_, WriteTransaction> {
    /// Removes these events with their deliveries and attempts, except events that have become pending again.
    pub async fn remove_events(&self, ids: &[WebhookEventId]) -> Result<u64, Error> {
        let ids = || ids.iter().map(|id| id.as_uuid());
        // A request to send a delivery again locks its row too. So it either comes first, or finds the row removed.
        let locked = webhook_delivery::Entity::find()
            .filter(webhook_delivery::Column::EventId.is_in(ids()))
            .lock_exclusive()
            .all(self.connection)
            .await?;
        let is_under_way = |state: &str| state.parse().is_ok_and(DeliveryState::is_under_way);
        let kept: Vec<Uuid> = locked.iter().filter(|row| is_under_way(&row.state)).map(|row| row.event_id).collect();
        let gone = || ids().filter(|id| !kept.contains(id));
        let deliveries = locked.iter().filter(|row| !kept.contains(&row.event_id)).map(|row| row.id);
        webhook_attempt::Entity::delete_many()
            .filter(webhook_attempt::Column::DeliveryId.is_in(deliveries))
            .exec(self.connection)
            .await?;
        let removed = Entity::delete_many().filter(Column::Id.is_in(gone())).exec(self.connection).await?;
        Ok(removed.rows_affected)
    }

    /// Removes at most `limit` attempts that began before an instant, the oldest first. Returns their number.
    pub async fn remove_attempts(&self, before: Timestamp, limit: u64) -> Result<u64, Error> {
        let sql = "DELETE FROM webhook_attempts WHERE (delivery_id, number) IN (
            SELECT delivery_id, number FROM webhook_attempts WHERE began_at < $1 ORDER BY began_at LIMIT $2)";
        let values = [before.as_millis().into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let statement = Statement::from_sql_and_values(self.connection.get_database_backend(), sql, values);
        Ok(self.connection.execute_raw(statement).await?.rows_affected())
    }
}
