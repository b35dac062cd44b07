//! Events and their deliveries.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use ledger::AccountId;
use payments_model::page::{Page, PageRequest};
use payments_model::webhook_event::{
    DeliveryState, EventType, EventWithdrawal, Recipient, Subject, WebhookDelivery, WebhookEvent,
};
use payments_model::{
    AssetId, IncomingPaymentId, OutgoingPaymentId, PeerId, TenantId, WalletAddressId, WebhookDeliveryId, WebhookEventId,
};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, Set};

use crate::convert::{Place, stored_amount, stored_json};
use crate::paging::Paging;
use crate::rows::webhook_delivery as delivery_row;
use crate::rows::webhook_event::{ActiveModel, Column, Entity, Model};
use crate::scope::Scope;

const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

const TENANT: &str = "TENANT";
const CARD_SERVICE: &str = "CARD_SERVICE";
const POINT_OF_SALE_SERVICE: &str = "POINT_OF_SALE_SERVICE";

/// The events that a list shows. Empty lists restrict nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only these types.
    pub types: Vec<String>,
    /// None of these types.
    pub not_types: Vec<String>,
}

fn event(row: Model) -> Result<WebhookEvent, Error> {
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

fn delivery(row: delivery_row::Model) -> Result<WebhookDelivery, Error> {
    let place = Place { table: "webhook_deliveries", row: row.id };
    let recipient = match (row.recipient.as_str(), row.recipient_tenant_id) {
        (TENANT, Some(tenant)) => Recipient::Tenant(TenantId::from_uuid(tenant)),
        (CARD_SERVICE, None) => Recipient::CardService,
        (POINT_OF_SALE_SERVICE, None) => Recipient::PointOfSaleService,
        _ => return Err(place.inconsistent("recipient")),
    };
    let state = match row.state.as_str() {
        "PENDING" => DeliveryState::Pending,
        "DELIVERED" => DeliveryState::Delivered,
        "EXHAUSTED" => DeliveryState::Exhausted,
        _ => return Err(place.inconsistent("state")),
    };
    let status_code = row.status_code.map(u16::try_from).transpose().map_err(|_| place.inconsistent("status_code"))?;
    Ok(WebhookDelivery {
        id: WebhookDeliveryId::from_uuid(row.id),
        event_id: WebhookEventId::from_uuid(row.event_id),
        recipient,
        attempts: u32::try_from(row.attempts).map_err(|_| place.inconsistent("attempts"))?,
        status_code,
        state,
    })
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
        let mut select = self.event_rows();
        if !filter.types.is_empty() {
            select = select.filter(Column::EventType.is_in(&filter.types));
        }
        if !filter.not_types.is_empty() {
            select = select.filter(Column::EventType.is_not_in(&filter.not_types));
        }
        PAGING.page(self.connection, select, request).await?.try_map(event)
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

    /// The delivery with this id.
    pub async fn webhook_delivery(&self, id: WebhookDeliveryId) -> Result<Option<WebhookDelivery>, Error> {
        let found = delivery_row::Entity::find_by_id(id.as_uuid()).filter(self.deliveries_within());
        found.one(self.connection).await?.map(delivery).transpose()
    }

    /// The deliveries of an event.
    pub async fn webhook_deliveries(&self, event: WebhookEventId) -> Result<Vec<WebhookDelivery>, Error> {
        let rows = delivery_row::Entity::find()
            .filter(self.deliveries_within())
            .filter(delivery_row::Column::EventId.eq(event.as_uuid()))
            .order_by_asc(delivery_row::Column::Id)
            .all(self.connection)
            .await?;
        rows.into_iter().map(delivery).collect()
    }

    fn event_rows(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::TenantId))
    }

    fn deliveries_within(&self) -> sea_orm::Condition {
        self.within(delivery_row::Column::RecipientTenantId)
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

    /// Stores a delivery of an event.
    pub fn insert_webhook_delivery(&self, delivery: &WebhookDelivery, now: Timestamp) -> Result<(), Error> {
        let (recipient, tenant) = match delivery.recipient {
            Recipient::Tenant(tenant) => (TENANT, Some(tenant.as_uuid())),
            Recipient::CardService => (CARD_SERVICE, None),
            Recipient::PointOfSaleService => (POINT_OF_SALE_SERVICE, None),
        };
        let row = delivery_row::ActiveModel {
            id: Set(delivery.id.as_uuid()),
            event_id: Set(delivery.event_id.as_uuid()),
            recipient: Set(recipient.to_owned()),
            recipient_tenant_id: Set(tenant),
            attempts: Set(i64::from(delivery.attempts)),
            status_code: Set(delivery.status_code.map(i32::from)),
            state: Set(delivery.state.as_str().to_owned()),
            created_at: Set(now.as_millis()),
            updated_at: Set(now.as_millis()),
        };
        self.write("webhook_deliveries", delivery.id, &delivery_row::Entity::insert(row));
        Ok(())
    }

    /// Stores the result of one attempt at a pending delivery.
    ///
    /// The whole unit fails if another attempt was stored meanwhile ([`Error::Overtaken`]).
    pub fn note_delivery_attempt(&self, delivery: &WebhookDelivery, now: Timestamp) {
        let row = delivery_row::ActiveModel {
            attempts: Set(i64::from(delivery.attempts)),
            status_code: Set(delivery.status_code.map(i32::from)),
            state: Set(delivery.state.as_str().to_owned()),
            updated_at: Set(now.as_millis()),
            ..Default::default()
        };
        let update = delivery_row::Entity::update_many()
            .set(row)
            .filter(self.deliveries_within())
            .filter(delivery_row::Column::Id.eq(delivery.id.as_uuid()))
            .filter(delivery_row::Column::State.eq(DeliveryState::Pending.as_str()))
            .filter(delivery_row::Column::Attempts.eq(i64::from(delivery.attempts) - 1));
        self.write_or_fail("webhook_deliveries", delivery.id, &update);
    }
}
