//! Stores deliveries of events, and the attempts to make them.
//!
//! It does not store the events; it reads one with the delivery that has its turn. A delivery belongs to its recipient: a
//! tenant reads only the deliveries to itself.

use std::collections::HashMap;
use std::time::Duration;

use clock::Timestamp;
use database::{Database, Error, Write, WriteTransaction};
use payments_model::page::{Page, PageRequest};
use payments_model::webhook_delivery::{DeliveryState, Recipient, WebhookAttempt, WebhookDelivery};
use payments_model::webhook_event::WebhookEvent;
use payments_model::{TenantId, WebhookDeliveryId, WebhookEndpointId, WebhookEventId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{JoinType, QueryOrder, QuerySelect, Set, Statement, Value};

use crate::convert::{Place, instant, stored_instant};
use crate::paging::Paging;
use crate::rows::webhook_attempt as attempt_row;
use crate::rows::webhook_delivery::{ActiveModel, Column, Entity, Model};
use crate::rows::webhook_event as event_row;
use crate::scope::Scope;
use crate::webhook_events::event;

pub(crate) const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

const TABLE: &str = "webhook_deliveries";
const TENANT: &str = "TENANT";
const CARD_SERVICE: &str = "CARD_SERVICE";
const POINT_OF_SALE_SERVICE: &str = "POINT_OF_SALE_SERVICE";

/// The most later deliveries that are read to find out whether the recipient accepts others.
const LOOKED_AT: u64 = 200;

/// The position is one more than that of the last delivery about the same subject. So the order is the order of the
/// transactions that see each other, and the clocks of the processes do not matter.
const INSERT: &str = "INSERT INTO webhook_deliveries (id, event_id, recipient, recipient_tenant_id, endpoint_id,
        subject_id, attempts, state, created_at, updated_at, position)
    VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $8,
        (SELECT COALESCE(MAX(position), 0) + 1 FROM webhook_deliveries WHERE subject_id = $6))";

/// The condition of the index `webhook_deliveries_open`. SQLite uses the index only if a query has the same condition,
/// with its value written out.
const IS_OPEN: &str = "state <> 'DELIVERED'";

/// Selects deliveries. An empty list or `None` selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only deliveries with one of these ids.
    pub ids: Vec<WebhookDeliveryId>,
    /// Only deliveries of these events.
    pub events: Vec<WebhookEventId>,
    /// Only deliveries in one of these states.
    pub states: Vec<DeliveryState>,
    /// Only deliveries of events of these types.
    pub types: Vec<String>,
    /// Only deliveries to this endpoint. The id of a tenant's default endpoint is the tenant's id.
    pub endpoint: Option<WebhookEndpointId>,
    /// Only deliveries of events about the object with this id.
    pub subject: Option<Uuid>,
    /// Only deliveries recorded at this time or later.
    pub from: Option<Timestamp>,
    /// Only deliveries recorded before this time.
    pub to: Option<Timestamp>,
}

impl DeliveryFilter {
    pub(crate) fn condition(&self) -> Condition {
        let mut condition = Condition::all();

        if !self.ids.is_empty() {
            condition = condition.add(Column::Id.is_in(self.ids.iter().map(|id| id.as_uuid())));
        }
        if !self.events.is_empty() {
            condition = condition.add(Column::EventId.is_in(self.events.iter().map(|id| id.as_uuid())));
        }
        if !self.states.is_empty() {
            condition = condition.add(Column::State.is_in(self.states.iter().map(|state| state.as_str())));
            if !self.states.contains(&DeliveryState::Delivered) {
                condition = condition.add(Expr::cust(IS_OPEN));
            }
        }

        if !self.types.is_empty() {
            let of_types = Query::select()
                .column(event_row::Column::Id)
                .from(event_row::Entity)
                .and_where(event_row::Column::EventType.is_in(&self.types))
                .to_owned();
            condition = condition.add(Column::EventId.in_subquery(of_types));
        }

        if let Some(endpoint) = self.endpoint {
            let id = endpoint.as_uuid();
            let default = Condition::all().add(Column::RecipientTenantId.eq(id)).add(Column::EndpointId.is_null());
            condition = condition.add(Condition::any().add(Column::EndpointId.eq(id)).add(default));
        }

        if let Some(subject) = self.subject {
            condition = condition.add(Column::SubjectId.eq(subject));
        }
        if let Some(from) = self.from {
            condition = condition.add(Column::CreatedAt.gte(from.as_millis()));
        }
        if let Some(to) = self.to {
            condition = condition.add(Column::CreatedAt.lt(to.as_millis()));
        }

        condition
    }
}

/// The endpoint of a delivery to a tenant. The id of a default endpoint is the tenant's.
const ENDPOINT: &str = "COALESCE(endpoint_id, recipient_tenant_id)";

/// How many deliveries to each of these endpoints have not ended, in their order. One statement, however many there are.
pub(crate) async fn waiting_for(database: Database, endpoints: Vec<WebhookEndpointId>) -> Result<Vec<u64>, Error> {
    let wanted: Vec<Uuid> = endpoints.iter().map(|id| id.as_uuid()).collect();
    let counted: Vec<(Uuid, i64)> = Entity::find()
        .select_only()
        .expr_as(Expr::cust(ENDPOINT), "endpoint")
        .expr_as(Expr::cust("COUNT(*)"), "waiting")
        .filter(Expr::cust(IS_OPEN))
        .filter(Column::State.ne(DeliveryState::Exhausted.as_str()))
        .filter(Expr::cust(ENDPOINT).is_in(wanted))
        .group_by(Expr::cust(ENDPOINT))
        .into_tuple()
        .all(database.reader())
        .await?;
    let counted: HashMap<Uuid, i64> = counted.into_iter().collect();
    let of = |id: &WebhookEndpointId| counted.get(&id.as_uuid()).and_then(|count| u64::try_from(*count).ok());
    Ok(endpoints.iter().map(|id| of(id).unwrap_or(0)).collect())
}

/// The delivery that has its turn.
#[derive(Debug)]
pub struct InTurn {
    /// The delivery.
    pub delivery: WebhookDelivery,
    /// Its event; an error if the event cannot be read.
    pub event: Result<Option<WebhookEvent>, Error>,
    /// Whether other deliveries about the same subject wait behind it.
    pub has_followers: bool,
}

fn delivery(row: Model) -> Result<WebhookDelivery, Error> {
    let place = Place { table: TABLE, row: row.id };
    let tenant = row.recipient_tenant_id.map(TenantId::from_uuid);
    let endpoint = row.endpoint_id.map(WebhookEndpointId::from_uuid);

    let recipient = match (row.recipient.as_str(), tenant, endpoint) {
        (TENANT, Some(tenant), None) => Recipient::Tenant(tenant),
        (TENANT, Some(tenant), Some(endpoint)) => Recipient::Endpoint(tenant, endpoint),
        (CARD_SERVICE, None, None) => Recipient::CardService,
        (POINT_OF_SALE_SERVICE, None, None) => Recipient::PointOfSaleService,
        _ => return Err(place.inconsistent("recipient")),
    };

    let count = |column, stored: i64| u32::try_from(stored).map_err(|_| place.inconsistent(column));
    Ok(WebhookDelivery {
        id: WebhookDeliveryId::from_uuid(row.id),
        event_id: WebhookEventId::from_uuid(row.event_id),
        recipient,
        subject: row.subject_id,
        attempts: count("attempts", row.attempts)?,
        attempts_before: count("attempts_before", row.attempts_before.unwrap_or(0))?,
        status_code: status(place, row.status_code)?,
        reason: row.reason,
        state: place.name("state", &row.state)?,
        due_at: instant(row.due_at),
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}

fn attempt(row: attempt_row::Model) -> Result<(WebhookDeliveryId, WebhookAttempt), Error> {
    let place = Place { table: "webhook_attempts", row: row.delivery_id };
    let attempt = WebhookAttempt {
        number: u32::try_from(row.number).map_err(|_| place.inconsistent("number"))?,
        began_at: Timestamp::from_millis(row.began_at),
        duration: Duration::from_millis(place.amount("duration_ms", row.duration_ms)?),
        status_code: status(place, row.status_code)?,
        body: row.body,
        error: row.error,
    };
    Ok((WebhookDeliveryId::from_uuid(row.delivery_id), attempt))
}

fn status(place: Place, stored: Option<i32>) -> Result<Option<u16>, Error> {
    stored.map(u16::try_from).transpose().map_err(|_| place.inconsistent("status_code"))
}

/// The values of the columns that name a recipient.
fn columns_of(recipient: Recipient) -> (&'static str, Option<Uuid>, Option<Uuid>) {
    match recipient {
        Recipient::Tenant(tenant) => (TENANT, Some(tenant.as_uuid()), None),
        Recipient::Endpoint(tenant, endpoint) => (TENANT, Some(tenant.as_uuid()), Some(endpoint.as_uuid())),
        Recipient::CardService => (CARD_SERVICE, None, None),
        Recipient::PointOfSaleService => (POINT_OF_SALE_SERVICE, None, None),
    }
}

fn is_to(recipient: Recipient) -> Condition {
    let (kind, tenant, endpoint) = columns_of(recipient);
    let same = |column: Column, value: Option<Uuid>| value.map_or(column.is_null(), |value| column.eq(value));
    Condition::all()
        .add(Column::Recipient.eq(kind))
        .add(same(Column::RecipientTenantId, tenant))
        .add(same(Column::EndpointId, endpoint))
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The delivery with this id.
    pub async fn webhook_delivery(&self, id: WebhookDeliveryId) -> Result<Option<WebhookDelivery>, Error> {
        let found = self.delivery_rows().filter(Column::Id.eq(id.as_uuid()));
        found.one(self.connection).await?.map(delivery).transpose()
    }

    /// A page of the deliveries.
    pub async fn webhook_deliveries(
        &self,
        filter: &DeliveryFilter,
        request: PageRequest,
    ) -> Result<Page<WebhookDelivery>, Error> {
        let select = self.delivery_rows().filter(filter.condition());
        PAGING.page(self.connection, select, request).await?.try_map(delivery)
    }

    /// The deliveries of an event.
    pub async fn deliveries_of(&self, event: WebhookEventId) -> Result<Vec<WebhookDelivery>, Error> {
        let of_event = self.delivery_rows().filter(Column::EventId.eq(event.as_uuid())).order_by_asc(Column::Id);
        of_event.all(self.connection).await?.into_iter().map(delivery).collect()
    }

    /// The first pending delivery to `recipient` about `subject`, with its event. One statement.
    pub async fn delivery_in_turn(&self, recipient: Recipient, subject: Uuid) -> Result<Option<InTurn>, Error> {
        let of_delivery = Entity::belongs_to(event_row::Entity).from(Column::EventId).to(event_row::Column::Id);
        let first_two = self
            .delivery_rows()
            .join(JoinType::LeftJoin, of_delivery.into())
            .select_also(event_row::Entity)
            .filter(Column::SubjectId.eq(subject))
            .filter(Column::State.eq(DeliveryState::Pending.as_str()))
            .filter(is_to(recipient))
            .order_by_asc(Column::Position)
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .limit(2)
            .all(self.connection)
            .await?;
        let has_followers = first_two.len() > 1;
        let Some((own, of_event)) = first_two.into_iter().next() else { return Ok(None) };
        Ok(Some(InTurn { delivery: delivery(own)?, event: of_event.map(event).transpose(), has_followers }))
    }

    /// Whether the recipient has accepted one of the next deliveries that were recorded after `failing`.
    pub async fn recipient_takes_others(&self, failing: &WebhookDelivery) -> Result<bool, Error> {
        let later = self
            .delivery_rows()
            .filter(is_to(failing.recipient))
            .filter(Column::CreatedAt.gte(failing.created_at.as_millis()))
            .filter(Column::Id.ne(failing.id.as_uuid()))
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .limit(LOOKED_AT);
        let states: Vec<String> = later.select_only().column(Column::State).into_tuple().all(self.connection).await?;
        Ok(states.iter().any(|state| state == DeliveryState::Delivered.as_str()))
    }

    /// The attempts of these deliveries, each delivery's first attempt first.
    pub async fn webhook_attempts(
        &self,
        deliveries: &[WebhookDeliveryId],
    ) -> Result<Vec<(WebhookDeliveryId, WebhookAttempt)>, Error> {
        let own = Query::select()
            .column(Column::Id)
            .from(Entity)
            .cond_where(self.within(Column::RecipientTenantId))
            .and_where(Column::Id.is_in(deliveries.iter().map(|id| id.as_uuid())))
            .to_owned();
        let rows = attempt_row::Entity::find()
            .filter(attempt_row::Column::DeliveryId.in_subquery(own))
            .order_by_asc(attempt_row::Column::DeliveryId)
            .order_by_asc(attempt_row::Column::Number)
            .all(self.connection)
            .await?;
        rows.into_iter().map(attempt).collect()
    }

    pub(crate) fn delivery_rows(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::RecipientTenantId))
    }
}

impl Scope<'_, WriteTransaction> {
    /// Records a delivery, behind all deliveries about the same subject.
    pub fn insert_webhook_delivery(&self, new: &WebhookDelivery) {
        let (recipient, tenant, endpoint) = columns_of(new.recipient);
        let values: [Value; 8] = [
            new.id.as_uuid().into(),
            new.event_id.as_uuid().into(),
            recipient.into(),
            tenant.into(),
            endpoint.into(),
            new.subject.into(),
            new.state.as_str().into(),
            new.created_at.as_millis().into(),
        ];
        let statement = Statement::from_sql_and_values(self.connection.get_database_backend(), INSERT, values);
        self.connection.write(Write::new(TABLE, new.id, statement));
    }

    /// Records the attempt that changed a delivery to `after`.
    ///
    /// The whole unit fails with [`Error::Overtaken`] if another attempt was recorded since then, or a request to send
    /// the delivery again.
    pub fn note_delivery_attempt(&self, after: &WebhookDelivery, attempt: &WebhookAttempt) {
        self.note_delivery(after, after.attempts.saturating_sub(1));
        let row = attempt_row::ActiveModel {
            delivery_id: Set(after.id.as_uuid()),
            number: Set(i64::from(attempt.number)),
            began_at: Set(attempt.began_at.as_millis()),
            duration_ms: Set(i64::try_from(attempt.duration.as_millis()).unwrap_or(i64::MAX)),
            status_code: Set(attempt.status_code.map(i32::from)),
            body: Set(attempt.body.clone()),
            error: Set(attempt.error.clone()),
        };
        let key = format!("{}/{}", after.id, attempt.number);
        // If the row exists, another unit has overtaken this one. Then this unit fails by the row of the delivery.
        let insert = attempt_row::Entity::insert(row).on_conflict(OnConflict::new().do_nothing().to_owned());
        self.write("webhook_attempts", key, &insert);
    }

    /// Records that a delivery is given up without an attempt.
    pub fn note_delivery_not_tried(&self, after: &WebhookDelivery) {
        self.note_delivery(after, after.attempts);
    }

    fn note_delivery(&self, after: &WebhookDelivery, attempts: u32) {
        let row = ActiveModel {
            attempts: Set(i64::from(after.attempts)),
            status_code: Set(after.status_code.map(i32::from)),
            reason: Set(after.reason.clone()),
            state: Set(after.state.as_str().to_owned()),
            due_at: Set(stored_instant(after.due_at)),
            updated_at: Set(after.updated_at.as_millis()),
            ..Default::default()
        };
        let before = i64::from(after.attempts_before);
        let no_others = if before == 0 { Column::AttemptsBefore.is_null() } else { Column::AttemptsBefore.eq(before) };
        let under_way = [DeliveryState::Pending, DeliveryState::Quarantined].map(DeliveryState::as_str);
        let update = Entity::update_many()
            .set(row)
            .filter(self.within(Column::RecipientTenantId))
            .filter(Column::Id.eq(after.id.as_uuid()))
            .filter(Column::State.is_in(under_way))
            .filter(Column::Attempts.eq(i64::from(attempts)))
            .filter(no_others);
        self.write_or_fail(TABLE, after.id, &update);
    }

    /// At most `limit` of the selected deliveries, the oldest first. They are locked until this unit ends.
    pub async fn locked_deliveries(&self, filter: &DeliveryFilter, limit: u64) -> Result<Vec<WebhookDelivery>, Error> {
        let rows = self
            .delivery_rows()
            .filter(filter.condition())
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .limit(limit)
            .lock_exclusive()
            .all(self.connection)
            .await?;
        rows.into_iter().map(delivery).collect()
    }

    /// Makes a locked delivery pending again: a new round of attempts begins.
    pub fn put_delivery_back(&self, delivery: &WebhookDelivery, now: Timestamp) {
        let row = ActiveModel {
            attempts_before: Set((delivery.attempts > 0).then_some(i64::from(delivery.attempts))),
            state: Set(DeliveryState::Pending.as_str().to_owned()),
            due_at: Set(Some(now.as_millis())),
            updated_at: Set(now.as_millis()),
            ..Default::default()
        };
        let update = Entity::update_many()
            .set(row)
            .filter(self.within(Column::RecipientTenantId))
            .filter(Column::Id.eq(delivery.id.as_uuid()));
        self.write(TABLE, delivery.id, &update);
    }

    /// Quarantines a delivery whose row cannot be read.
    pub fn quarantine_unreadable(&self, id: WebhookDeliveryId, reason: &str, now: Timestamp) {
        let row = ActiveModel {
            state: Set(DeliveryState::Quarantined.as_str().to_owned()),
            reason: Set(Some(reason.to_owned())),
            updated_at: Set(now.as_millis()),
            ..Default::default()
        };
        self.write(TABLE, id, &Entity::update_many().set(row).filter(Column::Id.eq(id.as_uuid())));
    }
}
