//! Incoming payments.
//! What was received is in the ledger; the states are in `payments-model`.

use clock::Timestamp;
use database::{Error, Locked, WriteTransaction};
use payments_model::incoming_payment::{Decision, IncomingState};
use payments_model::page::{Page, PageRequest};
use payments_model::{IncomingPayment, IncomingPaymentId, InitiatedBy, TenantId, WalletAddressId};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QuerySelect, Set};

use crate::assets::asset;
use crate::convert::{Place, instant, stored_amount, stored_instant, stored_json, stored_optional};
use crate::embedded::assets_of;
use crate::paging::Paging;
use crate::rows::incoming_payment::{ActiveModel, Column, Entity, Model};
use crate::rows::{self};
use crate::scope::Scope;

const TABLE: &str = "incoming_payments";

pub(crate) const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

/// The incoming payments that a list shows.
#[derive(Clone, Debug, Default)]
pub struct IncomingPaymentFilter {
    /// Those of this wallet address.
    pub wallet_address: Option<WalletAddressId>,
    /// Those created by this client.
    pub client: Option<String>,
    /// Those started by one of these.
    pub initiated_by: Option<Vec<InitiatedBy>>,
    /// Those in a state with one of these names.
    pub states: Option<Vec<String>>,
    /// Those in none of these states.
    pub not_states: Vec<String>,
    /// Those created at this instant or later.
    pub from: Option<Timestamp>,
    /// Those created before this instant.
    pub to: Option<Timestamp>,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The incoming payment with this id, unless it expired without money.
    pub async fn incoming_payment(&self, id: IncomingPaymentId) -> Result<Option<IncomingPayment>, Error> {
        let found = self
            .live_incoming_payments()
            .filter(Column::Id.eq(id.as_uuid()))
            .find_also_related(rows::asset::Entity)
            .one(self.connection)
            .await?;
        found.map(payment_with_asset).transpose()
    }

    /// A page of incoming payments. Those that expired without money are left out.
    pub async fn incoming_payments(
        &self,
        filter: &IncomingPaymentFilter,
        request: PageRequest,
    ) -> Result<Page<IncomingPayment>, Error> {
        let mut select = self.live_incoming_payments();
        if let Some(address) = filter.wallet_address {
            select = select.filter(Column::WalletAddressId.eq(address.as_uuid()));
        }
        if let Some(client) = &filter.client {
            select = select.filter(Column::Client.eq(client));
        }
        if let Some(initiators) = &filter.initiated_by {
            select = select.filter(Column::InitiatedBy.is_in(initiators.iter().map(|by| by.as_str())));
        }
        if let Some(states) = &filter.states {
            select = select.filter(Column::State.is_in(states));
        }
        if !filter.not_states.is_empty() {
            select = select.filter(Column::State.is_not_in(&filter.not_states));
        }
        if let Some(from) = filter.from {
            select = select.filter(Column::CreatedAt.gte(from.as_millis()));
        }
        if let Some(to) = filter.to {
            select = select.filter(Column::CreatedAt.lt(to.as_millis()));
        }
        let page = PAGING.page(self.connection, select, request).await?;
        let items = payments(self.connection, page.items).await?;
        Ok(Page { items, has_next: page.has_next, has_previous: page.has_previous })
    }

    /// Every incoming payment that may still receive money, for the reconciliation at a start.
    pub async fn open_incoming_payments(&self) -> Result<Vec<IncomingPaymentId>, Error> {
        let open = [IncomingState::Pending.as_str(), IncomingState::Processing.as_str()];
        let ids = self.live_incoming_payments().filter(Column::State.is_in(open)).select_only().column(Column::Id);
        let ids: Vec<Uuid> = ids.into_tuple().all(self.connection).await?;
        Ok(ids.into_iter().map(IncomingPaymentId::from_uuid).collect())
    }

    pub(crate) fn live_incoming_payments(&self) -> Select<Entity> {
        Entity::find().filter(self.within(Column::TenantId)).filter(Column::DeletedAt.is_null())
    }
}

/// The payments of these rows, in their order.
pub(crate) async fn payments<C: ConnectionTrait>(
    connection: &C,
    rows: Vec<Model>,
) -> Result<Vec<IncomingPayment>, Error> {
    let assets = assets_of(connection, rows.iter().map(|row| row.asset_id)).await?;
    rows.into_iter()
        .map(|row| {
            let asset = assets.get(&row.asset_id).cloned();
            payment_with_asset((row, asset))
        })
        .collect()
}

impl<'t> Scope<'t, WriteTransaction> {
    /// Stores state and announced amount of an incoming payment if its row is still equal to `before` in state, amount,
    /// expiry and decision. Otherwise the whole unit fails ([`Error::Overtaken`]).
    pub fn replace_incoming_payment(&self, before: &IncomingPayment, after: &IncomingPayment) -> Result<(), Error> {
        let decided = |column: Column, at: Option<Timestamp>| match at {
            Some(at) => column.eq(at.as_millis()),
            None => column.is_null(),
        };

        let (approved, cancelled) = match &before.decision {
            None => (None, None),
            Some(Decision::Approved { at }) => (Some(*at), None),
            Some(Decision::Cancelled { at, .. }) => (None, Some(*at)),
        };

        let unchanged = Condition::all()
            .add(self.within(Column::TenantId))
            .add(Column::Id.eq(after.id.as_uuid()))
            .add(Column::State.eq(before.state.as_str()))
            .add(Column::ExpiresAt.eq(before.expires_at.as_millis()))
            .add(Column::AnnouncedAmount.eq(stored_amount("the announced amount", before.announced_amount)?))
            .add(decided(Column::ApprovedAt, approved))
            .add(decided(Column::CancelledAt, cancelled));

        let whole = changes(after)?;
        let changed = ActiveModel {
            state: whole.state,
            announced_amount: whole.announced_amount,
            updated_at: whole.updated_at,
            deleted_at: whole.deleted_at,
            ..Default::default()
        };

        let update = Entity::update_many().set(changed).filter(unchanged);
        self.write_or_fail(TABLE, after.id, &update);
        Ok(())
    }

    /// The incoming payment with this id, even if it expired without money, locked until this unit ends.
    pub async fn locked_incoming_payment(
        &self,
        id: IncomingPaymentId,
    ) -> Result<Option<Locked<'t, IncomingPayment>>, Error> {
        let select = Entity::find_by_id(id.as_uuid()).filter(self.within(Column::TenantId));
        let Some(row) = select.lock_exclusive().one(self.connection).await? else { return Ok(None) };
        let asset = rows::asset::Entity::find_by_id(row.asset_id).one(self.connection).await?;
        Ok(Some(Locked::read_under_lock(self.connection, id.as_uuid(), payment_with_asset((row, asset))?)))
    }

    /// Stores a new incoming payment.
    pub fn insert_incoming_payment(&self, payment: &IncomingPayment) -> Result<(), Error> {
        self.must_reach(payment.tenant_id)?;
        self.write(TABLE, payment.id, &Entity::insert(active(payment)?));
        Ok(())
    }

    /// Brings the expiry of a wallet address' open payments forward to `latest`. Returns the ids of those that changed.
    pub async fn shorten_incoming_payments(
        &self,
        address: WalletAddressId,
        latest: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<IncomingPaymentId>, Error> {
        self.shorten(Condition::all().add(Column::WalletAddressId.eq(address.as_uuid())), latest, now).await
    }

    /// Shortens the expiry of every open payment of this scope to `latest`, if it is later. Returns the ids of the
    /// changed payments.
    pub async fn shorten_every_incoming_payment(
        &self,
        latest: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<IncomingPaymentId>, Error> {
        self.shorten(Condition::all(), latest, now).await
    }

    async fn shorten(&self, of: Condition, latest: Timestamp, now: Timestamp) -> Result<Vec<IncomingPaymentId>, Error> {
        let open = [IncomingState::Pending.as_str(), IncomingState::Processing.as_str()];
        let later = Condition::all()
            .add(self.within(Column::TenantId))
            .add(of)
            .add(Column::State.is_in(open))
            .add(Column::ExpiresAt.gt(latest.as_millis()));
        let ids = Entity::find().filter(later.clone()).select_only().column(Column::Id).lock_exclusive();
        let ids: Vec<Uuid> = ids.into_tuple().all(self.connection).await?;
        let changed =
            ActiveModel { expires_at: Set(latest.as_millis()), updated_at: Set(now.as_millis()), ..Default::default() };
        Entity::update_many().set(changed).filter(later).exec(self.connection).await?;
        Ok(ids.into_iter().map(IncomingPaymentId::from_uuid).collect())
    }

    /// Stores the state, decision, metadata and announced amount of an incoming payment.
    pub fn update_incoming_payment(&self, payment: &Locked<'_, IncomingPayment>) -> Result<(), Error> {
        let update = Entity::update_many().set(changes(payment)?).filter(self.within(Column::TenantId));
        self.write_or_fail(TABLE, payment.id, &update.filter(Column::Id.eq(payment.row())));
        Ok(())
    }
}

/// The columns that may change.
fn changes(payment: &IncomingPayment) -> Result<ActiveModel, Error> {
    let whole = active(payment)?;
    Ok(ActiveModel {
        state: whole.state,
        metadata: whole.metadata,
        approved_at: whole.approved_at,
        cancelled_at: whole.cancelled_at,
        cancellation_reason: whole.cancellation_reason,
        announced_amount: whole.announced_amount,
        updated_at: whole.updated_at,
        deleted_at: whole.deleted_at,
        ..Default::default()
    })
}

fn payment_with_asset((row, asset_row): (Model, Option<rows::asset::Model>)) -> Result<IncomingPayment, Error> {
    let place = Place { table: "incoming_payments", row: row.id };
    let asset_row = asset_row.ok_or_else(|| place.inconsistent("asset_id"))?;
    let deleted_at = instant(row.deleted_at);

    let state = match row.state.as_str() {
        "PENDING" => IncomingState::Pending,
        "PROCESSING" => IncomingState::Processing,
        "COMPLETED" => IncomingState::Completed,
        "EXPIRED" => IncomingState::Expired { deleted_at },
        _ => return Err(place.inconsistent("state")),
    };

    let decision = match (instant(row.approved_at), instant(row.cancelled_at)) {
        (Some(at), _) => Some(Decision::Approved { at }),
        (None, Some(at)) => Some(Decision::Cancelled { at, reason: row.cancellation_reason }),
        (None, None) => None,
    };

    Ok(IncomingPayment {
        id: row.id.into(),
        tenant_id: TenantId::from_uuid(row.tenant_id),
        wallet_address_id: row.wallet_address_id.into(),
        asset: asset(asset_row)?,
        // The reference also stores 0 for a payment of any amount.
        incoming_amount: place.optional_amount("incoming_amount", row.incoming_amount)?.filter(|amount| *amount > 0),
        expires_at: Timestamp::from_millis(row.expires_at),
        client: row.client,
        metadata: row.metadata.map(|stored| place.json("metadata", &stored)).transpose()?,
        initiated_by: place.name("initiated_by", &row.initiated_by)?,
        sender_wallet_address: row.sender_wallet_address,
        decision,
        state,
        announced_amount: place.amount("announced_amount", row.announced_amount)?,
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}

fn active(payment: &IncomingPayment) -> Result<ActiveModel, Error> {
    let (approved_at, cancelled_at, reason) = match &payment.decision {
        None => (None, None, None),
        Some(Decision::Approved { at }) => (Some(*at), None, None),
        Some(Decision::Cancelled { at, reason }) => (None, Some(*at), reason.clone()),
    };

    Ok(ActiveModel {
        id: Set(payment.id.as_uuid()),
        tenant_id: Set(payment.tenant_id.as_uuid()),
        wallet_address_id: Set(payment.wallet_address_id.as_uuid()),
        asset_id: Set(payment.asset.id.as_uuid()),
        state: Set(payment.state.as_str().to_owned()),
        incoming_amount: Set(stored_optional("the incoming amount", payment.incoming_amount)?),
        expires_at: Set(payment.expires_at.as_millis()),
        client: Set(payment.client.clone()),
        metadata: Set(payment.metadata.clone().map(|metadata| stored_json(&metadata.into()))),
        initiated_by: Set(payment.initiated_by.as_str().to_owned()),
        sender_wallet_address: Set(payment.sender_wallet_address.clone()),
        approved_at: Set(stored_instant(approved_at)),
        cancelled_at: Set(stored_instant(cancelled_at)),
        cancellation_reason: Set(reason),
        announced_amount: Set(stored_amount("the announced amount", payment.announced_amount)?),
        created_at: Set(payment.created_at.as_millis()),
        updated_at: Set(payment.updated_at.as_millis()),
        deleted_at: Set(stored_instant(payment.deleted_at())),
    })
}
