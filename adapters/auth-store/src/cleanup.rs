//! Forgetting what is over: old tokens, and questions to owners that were never answered.
//!
//! In small batches, so that nobody waits long for the write lock. Safe to repeat and to run in several processes.

use std::time::Duration;

use clock::Timestamp;
use database::Error;
use sea_orm::{ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect};

use crate::AuthStore;
use crate::entity::{access_tokens, grants};

/// How long things are kept after they are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Access tokens after their expiry.
    pub tokens: Duration,
    /// Grants that were never issued, after their interaction expired.
    pub unissued_grants: Duration,
}

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Access tokens.
    pub tokens: u64,
    /// Grants.
    pub grants: u64,
}

const BATCH: u64 = 500;

impl AuthStore {
    /// Forgets everything whose time of keeping is over.
    pub async fn purge(&self, retention: &Retention, now: Timestamp) -> Result<Purged, Error> {
        let mut purged = Purged::default();
        loop {
            let (tokens, grants) = (self.purge_tokens(retention, now).await?, self.purge_grants(retention, now).await?);
            purged.tokens += tokens;
            purged.grants += grants;
            if tokens < BATCH && grants < BATCH {
                return Ok(purged);
            }
        }
    }

    async fn purge_tokens(&self, retention: &Retention, now: Timestamp) -> Result<u64, Error> {
        let ids: Vec<Vec<u8>> = access_tokens::Entity::find()
            .select_only()
            .column(access_tokens::Column::Hash)
            .filter(access_tokens::Column::ExpiresAt.lt((now - retention.tokens).as_millis()))
            .order_by(access_tokens::Column::ExpiresAt, Order::Asc)
            .limit(BATCH)
            .into_tuple()
            .all(self.database.reader())
            .await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let transaction = self.database.begin().await?;
        let deleted = access_tokens::Entity::delete_many()
            .filter(access_tokens::Column::Hash.is_in(ids))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }

    async fn purge_grants(&self, retention: &Retention, now: Timestamp) -> Result<u64, Error> {
        use grants::Column::{CreatedAt, Id, InteractionExpiresAt};
        let ids: Vec<sea_orm::prelude::Uuid> = grants::Entity::find()
            .select_only()
            .column(Id)
            .filter(unissued())
            .filter(InteractionExpiresAt.lt((now - retention.unissued_grants).as_millis()))
            .order_by(CreatedAt, Order::Asc)
            .limit(BATCH)
            .into_tuple()
            .all(self.database.reader())
            .await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let transaction = self.database.begin().await?;
        let deleted = grants::Entity::delete_many().filter(Id.is_in(ids)).filter(unissued()).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}

/// Grants that gave nothing: pending, consented to but never fetched, or rejected.
fn unissued() -> Condition {
    use grants::Column::{FinalizationReason, State};
    let rejected = Condition::all().add(State.eq("FINALIZED")).add(FinalizationReason.eq("REJECTED"));
    Condition::any().add(State.is_in(["PENDING", "APPROVED"])).add(rejected)
}
