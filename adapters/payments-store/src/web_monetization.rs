//! What was announced of money paid straight to wallet addresses.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use payments_model::WalletAddressId;
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::convert::stored_amount;
use crate::rows::wallet_address::{ActiveModel, Column, Entity};
use crate::scope::Scope;

impl Scope<'_, WriteTransaction> {
    /// Notes that `total` of what a wallet address received was announced, if `before` was until now.
    ///
    /// `false`, and nothing is written, if somebody else announced meanwhile.
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
