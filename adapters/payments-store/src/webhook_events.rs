//! Stores events.
//!
//! It does not store deliveries: see `webhook_deliveries`.

use std::collections::{BTreeMap, BTreeSet};

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use ledger::AccountId;
use payments_model::page::{Page, PageRequest};
use payments_model::webhook_event::{EventType, EventWithdrawal, Subject, WebhookEvent};
use payments_model::{
    AssetId, IncomingPaymentId, OutgoingPaymentId, PeerId, TenantId, WalletAddressId, WebhookEventId,
};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{QueryOrder, Set};

use crate::convert::{Place, stored_amount, stored_json};
use crate::paging::Paging;
use crate::rows::webhook_event::{ActiveModel, Column, Entity, Model};
use crate::scope::Scope;

pub(crate) const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

/// The types of payments that go well. The index `webhook_events_rare` has all other types.
const FREQUENT: [EventType; 5] = [
    EventType::IncomingPaymentCreated,
    EventType::IncomingPaymentCompleted,
    EventType::OutgoingPaymentCreated,
    EventType::OutgoingPaymentFunded,
    EventType::OutgoingPaymentCompleted,
];

/// The condition of that index. SQLite uses the index only if a query has the same condition, with its values written out.
const IS_RARE: &str = "event_type NOT IN ('incoming_payment.created', 'incoming_payment.completed',
    'outgoing_payment.created', 'outgoing_payment.funded', 'outgoing_payment.completed')";

/// Selects the events of a list. Empty filters select all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only these types.
    pub types: Vec<String>,
    /// None of these types.
    pub not_types: Vec<String>,
}

impl EventFilter {
    pub(crate) fn condition(&self) -> Condition {
        let mut condition = Condition::all();
        if !self.types.is_empty() {
            condition = condition.add(Column::EventType.is_in(&self.types));
            if !FREQUENT.iter().any(|frequent| self.types.iter().any(|wanted| wanted == frequent.as_str())) {
                condition = condition.add(Expr::cust(IS_RARE));
            }
        }
        if !self.not_types.is_empty() {
            condition = condition.add(Column::EventType.is_not_in(&self.not_types));
        }
        condition
    }
}

pub(crate) fn event(row: Model) -> Result<WebhookEvent, Error> {
    let place = Place { table: "webhook_events", row: row.id };

    let subject = None
        .or(row.incoming_payment_id.map(|id| Subject::IncomingPayment(IncomingPaymentId::from_uuid(id))))
        .or(row.outgoing_payment_id.map(|id| Subject::OutgoingPayment(OutgoingPaymentId::from_uuid(id))))
        .or(row.wallet_address_id.map(|id| Subject::WalletAddress(WalletAddressId::from_uuid(id))))
        .or(row.peer_id.map(|id| Subject::Peer(PeerId::from_uuid(id))))
        .or(row.asset_id.map(|id| Subject::Asset(AssetId::from_uuid(id))))
        .unwrap_or(Subject::Nothing);

    let withdrawal = match (row.withdrawal_account_id, row.withdrawal_asset_id, row.withdrawal_amount) {
        (Some(account), Some(asset), Some(amount)) => Some(EventWithdrawal {
            account: AccountId::from(account),
            asset_id: AssetId::from_uuid(asset),
            amount: place.amount("withdrawal_amount", amount)?,
        }),
        (None, None, None) => None,
        _ => return Err(place.inconsistent("withdrawal_account_id")),
    };

    Ok(WebhookEvent {
        id: WebhookEventId::from_uuid(row.id),
        event_type: place.name("event_type", &row.event_type)?,
        tenant_id: TenantId::from_uuid(row.tenant_id),
        data: place.json("data", &row.data)?,
        subject,
        withdrawal,
        created_at: Timestamp::from_millis(row.created_at),
    })
}

/// The events with these ids, in their order. One statement, however many there are.
pub(crate) async fn of_ids(database: Database, ids: Vec<WebhookEventId>) -> Result<Vec<Option<WebhookEvent>>, Error> {
    let wanted: BTreeSet<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = Entity::find().filter(Column::Id.is_in(wanted)).all(database.reader()).await?;
    let found: Vec<WebhookEvent> = rows.into_iter().map(event).collect::<Result<_, _>>()?;
    let found: BTreeMap<WebhookEventId, WebhookEvent> = found.into_iter().map(|event| (event.id, event)).collect();
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The event with this id.
    pub async fn webhook_event(&self, id: WebhookEventId) -> Result<Option<WebhookEvent>, Error> {
        self.event_rows().filter(Column::Id.eq(id.as_uuid())).one(self.connection).await?.map(event).transpose()
    }

    /// A page of the events.
    pub async fn webhook_events(
        &self,
        filter: &EventFilter,
        request: PageRequest,
    ) -> Result<Page<WebhookEvent>, Error> {
        PAGING.page(self.connection, self.event_rows().filter(filter.condition()), request).await?.try_map(event)
    }

    /// The newest event of one of these types about `subject`.
    pub async fn latest_event(&self, subject: Subject, types: &[EventType]) -> Result<Option<WebhookEvent>, Error> {
        let newest = self.rows_about(subject, types).order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
        newest.one(self.connection).await?.map(event).transpose()
    }

    /// The events of these types about `subject`, oldest first.
    pub async fn events_about(&self, subject: Subject, types: &[EventType]) -> Result<Vec<WebhookEvent>, Error> {
        let oldest = self.rows_about(subject, types).order_by_asc(Column::CreatedAt).order_by_asc(Column::Id);
        oldest.all(self.connection).await?.into_iter().map(event).collect()
    }

    fn rows_about(&self, subject: Subject, types: &[EventType]) -> Select<Entity> {
        let about = match subject {
            Subject::IncomingPayment(id) => Column::IncomingPaymentId.eq(id.as_uuid()),
            Subject::OutgoingPayment(id) => Column::OutgoingPaymentId.eq(id.as_uuid()),
            Subject::WalletAddress(id) => Column::WalletAddressId.eq(id.as_uuid()),
            Subject::Peer(id) => Column::PeerId.eq(id.as_uuid()),
            Subject::Asset(id) => Column::AssetId.eq(id.as_uuid()),
            Subject::Nothing => Column::EventType.eq(EventType::WalletAddressNotFound.as_str()),
        };
        let of_types = Column::EventType.is_in(types.iter().map(|kind| kind.as_str()));
        self.event_rows().filter(about).filter(of_types)
    }

    pub(crate) fn event_rows(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::TenantId))
    }
}

impl Scope<'_, WriteTransaction> {
    /// Stores an event.
    pub fn insert_webhook_event(&self, event: &WebhookEvent) -> Result<(), Error> {
        self.must_reach(event.tenant_id)?;

        let mut row = ActiveModel {
            id: Set(event.id.as_uuid()),
            event_type: Set(event.event_type.as_str().to_owned()),
            tenant_id: Set(event.tenant_id.as_uuid()),
            data: Set(stored_json(&event.data)),
            created_at: Set(event.created_at.as_millis()),
            ..Default::default()
        };

        match event.subject {
            Subject::IncomingPayment(id) => row.incoming_payment_id = Set(Some(id.as_uuid())),
            Subject::OutgoingPayment(id) => row.outgoing_payment_id = Set(Some(id.as_uuid())),
            Subject::WalletAddress(id) => row.wallet_address_id = Set(Some(id.as_uuid())),
            Subject::Peer(id) => row.peer_id = Set(Some(id.as_uuid())),
            Subject::Asset(id) => row.asset_id = Set(Some(id.as_uuid())),
            Subject::Nothing => {}
        }

        if let Some(withdrawal) = event.withdrawal {
            row.withdrawal_account_id = Set(Some(withdrawal.account.as_uuid()));
            row.withdrawal_asset_id = Set(Some(withdrawal.asset_id.as_uuid()));
            row.withdrawal_amount = Set(Some(stored_amount("the withdrawal", withdrawal.amount)?));
        }

        self.write("webhook_events", event.id, &Entity::insert(row));
        Ok(())
    }
}
