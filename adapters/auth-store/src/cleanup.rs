//! Removes old tokens, and grants whose owner never answered.
//!
//! It removes nothing that can still be used. It works in small batches, so that no other writer waits long for the
//! lock. It may be repeated and may run in several processes.

use std::time::Duration;

use clock::Timestamp;
use database::Error;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect};

use crate::AuthStore;
use crate::entity::{access_tokens, grants};

/// The retention times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For access tokens after their expiry, and for grants without consent that have no token left.
    pub tokens: Duration,
    /// For grants that were never issued, after their interaction expired.
    pub unissued_grants: Duration,
}

/// The numbers of removed rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Access tokens.
    pub tokens: u64,
    /// Grants.
    pub grants: u64,
    /// Clear values of tokens that were kept for the way back.
    pub kept: u64,
}

const BATCH: u64 = 500;

impl AuthStore {
    /// Removes everything whose retention time has passed.
    pub async fn purge(&self, retention: &Retention, now: Timestamp) -> Result<Purged, Error> {
        let mut purged = Purged::default();
        loop {
            let tokens = self.purge_tokens(now - retention.tokens).await?;
            let unissued = self.purge_grants(unissued(now - retention.unissued_grants)).await?;
            let spent = self.purge_grants(spent(now - retention.tokens)).await?;
            purged.tokens += tokens;
            purged.grants += unissued + spent;
            purged.kept += self.purge_kept(now).await?;
            if [tokens, unissued, spent].iter().all(|deleted| *deleted < BATCH) {
                return Ok(purged);
            }
        }
    }

    /// Deletes the clear values whose trial period is over.
    async fn purge_kept(&self, now: Timestamp) -> Result<u64, Error> {
        let mut forgotten = 0;
        for table in ["kept_tokens", "kept_continuations"] {
            let sql = format!("DELETE FROM {table} WHERE keep_until <= $1");
            forgotten += self.database.execute(&sql, [now.as_millis().into()]).await?;
        }
        Ok(forgotten)
    }

    async fn purge_tokens(&self, expired_before: Timestamp) -> Result<u64, Error> {
        let hashes: Vec<Vec<u8>> = access_tokens::Entity::find()
            .select_only()
            .column(access_tokens::Column::Hash)
            .filter(access_tokens::Column::ExpiresAt.lt(expired_before.as_millis()))
            .order_by(access_tokens::Column::ExpiresAt, Order::Asc)
            .limit(BATCH)
            .into_tuple()
            .all(self.database.reader())
            .await?;
        if hashes.is_empty() {
            return Ok(0);
        }
        let transaction = self.database.begin().await?;
        let delete = access_tokens::Entity::delete_many().filter(access_tokens::Column::Hash.is_in(hashes));
        let deleted = delete.exec(&transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }

    /// The condition is checked again by the deletion, because a grant may have been continued in between.
    async fn purge_grants(&self, over: Condition) -> Result<u64, Error> {
        let ids: Vec<Uuid> = grants::Entity::find()
            .select_only()
            .column(grants::Column::Id)
            .filter(over.clone())
            .limit(BATCH)
            .into_tuple()
            .all(self.database.reader())
            .await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let transaction = self.database.begin().await?;
        let delete = grants::Entity::delete_many().filter(grants::Column::Id.is_in(ids)).filter(over);
        let deleted = delete.exec(&transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}

/// Grants whose owner never answered or refused, or whose client never fetched the token.
fn unissued(expired_before: Timestamp) -> Condition {
    use grants::Column::{FinalizationReason, InteractionExpiresAt};
    let ended = Condition::any().add(FinalizationReason.is_null()).add(FinalizationReason.eq("REJECTED"));
    Condition::all().add(ended).add(InteractionExpiresAt.lt(expired_before.as_millis()))
}

/// Grants that needed no consent and have no token left. They can give no token any more.
fn spent(created_before: Timestamp) -> Condition {
    use grants::Column::{CreatedAt, FinalizationReason, Id, InteractionExpiresAt};
    let tokens = Query::select()
        .expr(Expr::val(1))
        .from(access_tokens::Entity)
        .and_where(Expr::col((access_tokens::Entity, access_tokens::Column::GrantId)).equals((grants::Entity, Id)))
        .to_owned();
    Condition::all()
        .add(FinalizationReason.is_null())
        .add(InteractionExpiresAt.is_null())
        .add(CreatedAt.lt(created_before.as_millis()))
        .add(Expr::exists(tokens).not())
}
