//! Outgoing payments, with their quotes.
//! What was sent is in the ledger; the states are in `payments-model`.

use std::collections::HashMap;

use clock::Timestamp;
use database::{Error, Locked, WriteTransaction};
use payments_model::outgoing_payment::{CardDetails, OutgoingState, Progress, Sending};
use payments_model::page::{Page, PageRequest};
use payments_model::{OutgoingPayment, OutgoingPaymentId, WalletAddressId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{Condition, NotSet, QuerySelect, Set};

use crate::convert::{Place, stored_amount, stored_json};
use crate::embedded::assets_of;
use crate::paging::Paging;
use crate::quotes::quote;
use crate::rows;
use crate::rows::outgoing_payment::{ActiveModel, Column, Entity, Model};
use crate::rows::outgoing_payment_card_detail as card;
use crate::scope::Scope;

const TABLE: &str = "outgoing_payments";

pub(crate) const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

/// The outgoing payments that a list shows. An empty filter shows all.
#[derive(Clone, Debug, Default)]
pub struct OutgoingPaymentFilter {
    /// Those of one of these wallet addresses.
    pub wallet_addresses: Option<Vec<WalletAddressId>>,
    /// Those of no wallet address in this list.
    pub not_wallet_addresses: Vec<WalletAddressId>,
    /// Those created by this client.
    pub client: Option<String>,
    /// Those in one of these states, by name.
    pub states: Option<Vec<String>>,
    /// Those in no state of this list, by name.
    pub not_states: Vec<String>,
    /// Those to one of these receivers.
    pub receivers: Option<Vec<String>>,
    /// Those to no receiver in this list.
    pub not_receivers: Vec<String>,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The outgoing payment with this id.
    pub async fn outgoing_payment(&self, id: OutgoingPaymentId) -> Result<Option<OutgoingPayment>, Error> {
        let found = self.all_outgoing().filter(Column::Id.eq(id.as_uuid())).one(self.connection).await?;
        let mut found = payments(self.connection, found.into_iter().collect()).await?;
        Ok(found.pop())
    }

    /// A page of the outgoing payments.
    pub async fn outgoing_payments(
        &self,
        filter: &OutgoingPaymentFilter,
        request: PageRequest,
    ) -> Result<Page<OutgoingPayment>, Error> {
        let select = filtered(self.all_outgoing(), filter);
        let page = PAGING.page(self.connection, select, request).await?;
        let items = payments(self.connection, page.items).await?;
        Ok(Page { items, has_next: page.has_next, has_previous: page.has_previous })
    }

    pub(crate) fn all_outgoing(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::TenantId))
    }
}

impl<'t> Scope<'t, WriteTransaction> {
    /// The outgoing payment with this id, locked until this unit ends.
    pub async fn locked_outgoing_payment(
        &self,
        id: OutgoingPaymentId,
    ) -> Result<Option<Locked<'t, OutgoingPayment>>, Error> {
        let select = self.all_outgoing().filter(Column::Id.eq(id.as_uuid())).lock_exclusive();
        let found = select.one(self.connection).await?;
        let found = payments(self.connection, found.into_iter().collect()).await?.pop();
        Ok(found.map(|payment| Locked::read_under_lock(self.connection, id.as_uuid(), payment)))
    }

    /// Stores a new outgoing payment. A second payment of the same quote is a unique violation.
    pub fn insert_outgoing_payment(&self, payment: &OutgoingPayment) -> Result<(), Error> {
        self.must_reach(payment.quote.tenant_id)?;
        self.write(TABLE, payment.id(), &Entity::insert(active(payment)?));
        if let Some(details) = &payment.card {
            let row = card::ActiveModel {
                outgoing_payment_id: Set(payment.id().as_uuid()),
                request_id: Set(details.request_id.clone()),
                data: Set(stored_json(&details.data)),
                initiated_at: Set(details.initiated_at.as_millis()),
            };
            self.write("outgoing_payment_card_details", payment.id(), &card::Entity::insert(row));
        }
        Ok(())
    }

    /// Stores the state and metadata of an outgoing payment.
    pub fn update_outgoing_payment(&self, payment: &Locked<'_, OutgoingPayment>) -> Result<(), Error> {
        let update = Entity::update_many().set(changes(payment)?).filter(self.within(Column::TenantId));
        self.write_or_fail(TABLE, payment.id(), &update.filter(Column::Id.eq(payment.row())));
        Ok(())
    }

    /// Stores the state of an outgoing payment if its row is still equal to `before`. Otherwise the whole unit fails
    /// ([`Error::Overtaken`]).
    ///
    /// Every change of a payment under way changes its state, its attempts or its progress, except a change of its delivery
    /// record alone, which decides nothing.
    pub fn replace_outgoing_payment(&self, before: &OutgoingPayment, after: &OutgoingPayment) -> Result<(), Error> {
        let was = Figures::of(before)?;
        let unchanged = Condition::all()
            .add(self.within(Column::TenantId))
            .add(Column::Id.eq(after.id().as_uuid()))
            .add(Column::State.eq(before.state.as_str()))
            .add(Column::Attempts.eq(was.attempts))
            .add(Column::ProgressDebited.eq(was.debited))
            .add(Column::ProgressDelivered.eq(was.delivered));
        // Metadata changes only with a cancellation, which is final.
        let changed = ActiveModel { metadata: NotSet, ..changes(after)? };
        let update = Entity::update_many().set(changed).filter(unchanged);
        self.write_or_fail(TABLE, after.id(), &update);
        Ok(())
    }
}

/// The columns that may change.
fn changes(payment: &OutgoingPayment) -> Result<ActiveModel, Error> {
    let whole = active(payment)?;
    Ok(ActiveModel {
        state: whole.state,
        error: whole.error,
        attempts: whole.attempts,
        metadata: whole.metadata,
        data_to_transmit: whole.data_to_transmit,
        progress_debited: whole.progress_debited,
        progress_delivered: whole.progress_delivered,
        delivery_record: whole.delivery_record,
        updated_at: whole.updated_at,
        ..Default::default()
    })
}

fn filtered(mut select: Select<Entity>, filter: &OutgoingPaymentFilter) -> Select<Entity> {
    let ids = |addresses: &[WalletAddressId]| -> Vec<Uuid> { addresses.iter().map(|id| id.as_uuid()).collect() };

    if let Some(addresses) = &filter.wallet_addresses {
        select = select.filter(Column::WalletAddressId.is_in(ids(addresses)));
    }
    if !filter.not_wallet_addresses.is_empty() {
        select = select.filter(Column::WalletAddressId.is_not_in(ids(&filter.not_wallet_addresses)));
    }

    if let Some(client) = &filter.client {
        select = select.filter(Column::Client.eq(client));
    }

    if let Some(states) = &filter.states {
        select = select.filter(Column::State.is_in(states));
    }
    if !filter.not_states.is_empty() {
        select = select.filter(Column::State.is_not_in(&filter.not_states));
    }

    let quotes_of = |receivers: &[String]| {
        let mut quotes = Query::select();
        quotes
            .column(rows::quote::Column::Id)
            .from(rows::quote::Entity)
            .and_where(rows::quote::Column::Receiver.is_in(receivers));
        quotes
    };
    if let Some(receivers) = &filter.receivers {
        select = select.filter(Column::Id.in_subquery(quotes_of(receivers)));
    }
    if !filter.not_receivers.is_empty() {
        select = select.filter(Column::Id.not_in_subquery(quotes_of(&filter.not_receivers)));
    }

    select
}

/// The payments of rows, with their quotes, assets and card details, each kind read at once.
pub(crate) async fn payments<C: ConnectionTrait>(
    connection: &C,
    found: Vec<Model>,
) -> Result<Vec<OutgoingPayment>, Error> {
    if found.is_empty() {
        return Ok(Vec::new());
    }

    let ids: Vec<Uuid> = found.iter().map(|row| row.id).collect();
    let quotes = rows::quote::Entity::find().filter(rows::quote::Column::Id.is_in(ids)).all(connection).await?;
    let assets = assets_of(connection, quotes.iter().map(|row| row.asset_id)).await?;
    let mut quotes: HashMap<Uuid, rows::quote::Model> = quotes.into_iter().map(|row| (row.id, row)).collect();

    let with_card: Vec<Uuid> = found.iter().filter(|row| row.initiated_by == "CARD").map(|row| row.id).collect();
    let mut cards = HashMap::new();
    if !with_card.is_empty() {
        let select = card::Entity::find().filter(card::Column::OutgoingPaymentId.is_in(with_card));
        cards = select.all(connection).await?.into_iter().map(|row| (row.outgoing_payment_id, row)).collect();
    }

    let mut payments = Vec::with_capacity(found.len());
    for row in found {
        let place = Place { table: "outgoing_payments", row: row.id };
        let quote_row = quotes.remove(&row.id).ok_or_else(|| place.inconsistent("id"))?;
        let asset = assets.get(&quote_row.asset_id).cloned();
        let card = cards.remove(&row.id).map(|row| card_details(row, place)).transpose()?;
        payments.push(OutgoingPayment {
            quote: quote(quote_row, asset)?,
            state: state(&row, place)?,
            // It is for people only, so a payment is read without it.
            record: row.delivery_record.and_then(|stored| serde_json::from_str(&stored).ok()),
            client: row.client,
            grant_id: row.grant_id,
            metadata: row.metadata.map(|stored| place.json("metadata", &stored)).transpose()?,
            initiated_by: place.name("initiated_by", &row.initiated_by)?,
            card,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        });
    }
    Ok(payments)
}

fn state(row: &Model, place: Place) -> Result<OutgoingState, Error> {
    Ok(match row.state.as_str() {
        "FUNDING" => OutgoingState::Funding,
        "SENDING" => OutgoingState::Sending(Sending {
            last_failure: row.error.clone(),
            attempts: u32::try_from(row.attempts).map_err(|_| place.inconsistent("attempts"))?,
            data_to_transmit: row.data_to_transmit.clone(),
            progress: Progress {
                debited: place.amount("progress_debited", row.progress_debited)?,
                delivered: place.amount("progress_delivered", row.progress_delivered)?,
            },
        }),
        "COMPLETED" => OutgoingState::Completed { sent: place.amount("progress_debited", row.progress_debited)? },
        "FAILED" => OutgoingState::Failed {
            error: row.error.clone().unwrap_or_default(),
            sent: place.amount("progress_debited", row.progress_debited)?,
        },
        "CANCELLED" => OutgoingState::Cancelled,
        _ => return Err(place.inconsistent("state")),
    })
}

fn card_details(row: card::Model, place: Place) -> Result<CardDetails, Error> {
    Ok(CardDetails {
        request_id: row.request_id,
        data: place.json("card data", &row.data)?,
        initiated_at: Timestamp::from_millis(row.initiated_at),
    })
}

/// The stored progress of a payment.
struct Figures {
    attempts: i64,
    debited: i64,
    delivered: i64,
}

impl Figures {
    fn of(payment: &OutgoingPayment) -> Result<Self, Error> {
        let (attempts, progress) = match &payment.state {
            OutgoingState::Sending(sending) => (sending.attempts, sending.progress),
            // The same column holds the final debit.
            _ => (0, Progress { debited: payment.sent().unwrap_or(0), delivered: 0 }),
        };
        Ok(Self {
            attempts: i64::from(attempts),
            debited: stored_amount("the debited amount", progress.debited)?,
            delivered: stored_amount("the delivered amount", progress.delivered)?,
        })
    }
}

fn active(payment: &OutgoingPayment) -> Result<ActiveModel, Error> {
    let figures = Figures::of(payment)?;
    let data_to_transmit = match &payment.state {
        OutgoingState::Sending(sending) => sending.data_to_transmit.clone(),
        _ => None,
    };
    let record = payment.record.as_ref().and_then(|record| serde_json::to_string(record).ok());
    Ok(ActiveModel {
        id: Set(payment.id().as_uuid()),
        tenant_id: Set(payment.quote.tenant_id.as_uuid()),
        wallet_address_id: Set(payment.quote.wallet_address_id.as_uuid()),
        state: Set(payment.state.as_str().to_owned()),
        error: Set(payment.error().map(str::to_owned)),
        attempts: Set(figures.attempts),
        client: Set(payment.client.clone()),
        grant_id: Set(payment.grant_id.clone()),
        metadata: Set(payment.metadata.clone().map(|metadata| stored_json(&metadata.into()))),
        initiated_by: Set(payment.initiated_by.as_str().to_owned()),
        data_to_transmit: Set(data_to_transmit),
        progress_debited: Set(figures.debited),
        progress_delivered: Set(figures.delivered),
        delivery_record: Set(record),
        created_at: Set(payment.created_at.as_millis()),
        updated_at: Set(payment.updated_at.as_millis()),
    })
}
