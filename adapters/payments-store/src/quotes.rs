//! Quotes. They are inserted and read, and never change.
//! How a quote is made is in `services/payments`.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use money::AssetAmount;
use payments_model::page::{Page, PageRequest};
use payments_model::quote::{IlpQuoteDetails, QuoteMethod};
use payments_model::{FeeId, Quote, QuoteId, TenantId, WalletAddressId};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::assets::asset;
use crate::convert::{Place, stored_amount, stored_ratio};
use crate::embedded::assets_of;
use crate::paging::Paging;
use crate::rows;
use crate::rows::quote::{ActiveModel, Column, Entity, Model};
use crate::scope::Scope;

const PAGING: Paging<Entity> =
    Paging { created_at: Column::CreatedAt, id: Column::Id, key: |row| (row.created_at, row.id) };

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The quote with this id.
    pub async fn quote(&self, id: QuoteId) -> Result<Option<Quote>, Error> {
        let found = Entity::find_by_id(id.as_uuid())
            .filter(self.within(Column::TenantId))
            .find_also_related(rows::asset::Entity)
            .one(self.connection)
            .await?;
        found.map(|(row, asset)| quote(row, asset)).transpose()
    }

    /// A page of the quotes of a wallet address.
    pub async fn quotes(&self, wallet_address: WalletAddressId, request: PageRequest) -> Result<Page<Quote>, Error> {
        let select = Entity::find()
            .filter(self.within(Column::TenantId))
            .filter(Column::WalletAddressId.eq(wallet_address.as_uuid()));
        let page = PAGING.page(self.connection, select, request).await?;
        let assets = assets_of(self.connection, page.items.iter().map(|row| row.asset_id)).await?;
        page.try_map(|row| {
            let asset = assets.get(&row.asset_id).cloned();
            quote(row, asset)
        })
    }
}

impl Scope<'_, WriteTransaction> {
    /// Stores a new quote.
    pub fn insert_quote(&self, quote: &Quote) -> Result<(), Error> {
        self.must_reach(quote.tenant_id)?;
        self.write("quotes", quote.id, &Entity::insert(active(quote)?));
        Ok(())
    }
}

pub(crate) fn quote(row: Model, asset_row: Option<rows::asset::Model>) -> Result<Quote, Error> {
    let place = Place { table: "quotes", row: row.id };
    let asset = asset(asset_row.ok_or_else(|| place.inconsistent("asset_id"))?)?;

    let method = match (row.ilp_max_packet_amount, row.ilp_min_rate, row.ilp_low_rate, row.ilp_high_rate) {
        (None, None, None, None) => QuoteMethod::Local,
        (Some(max_packet_amount), Some(min_rate), Some(low_rate), Some(high_rate)) => {
            QuoteMethod::Ilp(IlpQuoteDetails {
                max_packet_amount: place.amount("ilp_max_packet_amount", max_packet_amount)?,
                min_rate: place.ratio("ilp_min_rate", &min_rate)?,
                low_rate: place.ratio("ilp_low_rate", &low_rate)?,
                high_rate: place.ratio("ilp_high_rate", &high_rate)?,
            })
        }
        _ => return Err(place.inconsistent("ilp_max_packet_amount")),
    };

    Ok(Quote {
        id: row.id.into(),
        tenant_id: TenantId::from_uuid(row.tenant_id),
        wallet_address_id: row.wallet_address_id.into(),
        receiver: row.receiver,
        debit_amount: place.amount("debit_amount", row.debit_amount)?,
        debit_amount_minus_fees: place.amount("debit_amount_minus_fees", row.debit_amount_minus_fees)?,
        receive_amount: AssetAmount {
            value: place.amount("receive_amount", row.receive_amount)?,
            asset: place.asset(&row.receive_asset_code, row.receive_asset_scale)?,
        },
        estimated_rate: place.ratio("estimated_rate", &row.estimated_rate)?,
        fee_id: row.fee_id.map(FeeId::from_uuid),
        client: row.client,
        method,
        expires_at: Timestamp::from_millis(row.expires_at),
        created_at: Timestamp::from_millis(row.created_at),
        asset,
    })
}

fn active(quote: &Quote) -> Result<ActiveModel, Error> {
    let ilp = match &quote.method {
        QuoteMethod::Local => None,
        QuoteMethod::Ilp(details) => Some(details),
    };

    Ok(ActiveModel {
        id: Set(quote.id.as_uuid()),
        tenant_id: Set(quote.tenant_id.as_uuid()),
        wallet_address_id: Set(quote.wallet_address_id.as_uuid()),
        asset_id: Set(quote.asset.id.as_uuid()),
        receiver: Set(quote.receiver.clone()),
        debit_amount: Set(stored_amount("the debit amount", quote.debit_amount)?),
        debit_amount_minus_fees: Set(stored_amount("the debit amount", quote.debit_amount_minus_fees)?),
        receive_amount: Set(stored_amount("the receive amount", quote.receive_amount.value)?),
        receive_asset_code: Set(quote.receive_amount.asset.code.to_string()),
        receive_asset_scale: Set(i32::from(quote.receive_amount.asset.scale)),
        estimated_rate: Set(stored_ratio(quote.estimated_rate)),
        ilp_max_packet_amount: Set(ilp
            .map(|ilp| stored_amount("the packet limit", ilp.max_packet_amount))
            .transpose()?),
        ilp_min_rate: Set(ilp.map(|ilp| stored_ratio(ilp.min_rate))),
        ilp_low_rate: Set(ilp.map(|ilp| stored_ratio(ilp.low_rate))),
        ilp_high_rate: Set(ilp.map(|ilp| stored_ratio(ilp.high_rate))),
        fee_id: Set(quote.fee_id.map(FeeId::as_uuid)),
        client: Set(quote.client.clone()),
        expires_at: Set(quote.expires_at.as_millis()),
        created_at: Set(quote.created_at.as_millis()),
    })
}
