//! The announced amounts of money paid straight to wallet addresses.
//! The money itself is in the ledger.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use payments_model::WalletAddressId;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::convert::{Place, stored_amount};
use crate::rows::wallet_address::{ActiveModel, Column, Entity};
use crate::scope::Scope;

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The announced amount of each wallet address, ordered by id: at most `limit` of them, beginning after `after`.
    pub async fn announced_web_monetization(
        &self,
        after: Option<WalletAddressId>,
        limit: usize,
    ) -> Result<Vec<(WalletAddressId, u64)>, Error> {
        let mut select = Entity::find().filter(self.within(Column::TenantId));
        if let Some(after) = after {
            select = select.filter(Column::Id.gt(after.as_uuid()));
        }
        let select = select.select_only().column(Column::Id).column(Column::TotalEventsAmount);
        let page = select.order_by_asc(Column::Id).limit(u64::try_from(limit).unwrap_or(u64::MAX));
        let rows: Vec<(Uuid, i64)> = page.into_tuple().all(self.connection).await?;
        let announced = |(id, total): (Uuid, i64)| {
            let total = Place { table: "wallet_addresses", row: id }.amount("total_events_amount", total)?;
            Ok((WalletAddressId::from_uuid(id), total))
        };
        rows.into_iter().map(announced).collect()
    }
}

impl Scope<'_, WriteTransaction> {
    /// Stores that `total` is announced for a wallet address, if `before` was announced until now.
    ///
    /// Returns `false` and writes nothing if another process has announced more meanwhile.
    pub async fn note_web_monetization(
        &self,
        id: WalletAddressId,
        before: u64,
        total: u64,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let changed = ActiveModel {
            total_events_amount: Set(stored_amount("the announced amount", total)?),
            updated_at: Set(now.as_millis()),
            ..Default::default()
        };
        let update = Entity::update_many()
            .set(changed)
            .filter(self.within(Column::TenantId))
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::TotalEventsAmount.eq(stored_amount("the announced amount", before)?));
        Ok(update.exec(self.connection).await?.rows_affected == 1)
    }
}
