//! One transition of one grant: lock, decide, save, commit.
//!
//! It does not decide: the rules are in `auth-model`.

use auth_model::{AccessToken, Grant, GrantId, ManagementId};
use clock::Timestamp;
use database::{Error, Locked, WriteTransaction};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::entity::{access_tokens, grants};
use crate::grant_events::{self, GrantEvent};
use crate::grants::insert_token;

/// A unit of work. If it is dropped without [`AuthUnit::commit`], it changes nothing.
#[derive(Debug)]
pub struct AuthUnit {
    transaction: WriteTransaction,
}

impl AuthUnit {
    pub(crate) fn new(transaction: WriteTransaction) -> Self {
        Self { transaction }
    }

    pub(crate) fn connection(&self) -> &WriteTransaction {
        &self.transaction
    }

    /// The grant. No other unit of work can change it until this one ends.
    pub async fn lock_grant(&self, id: GrantId) -> Result<Option<Locked<'_, Grant>>, Error> {
        let row = grants::Entity::find_by_id(id.as_uuid()).lock_exclusive().one(&self.transaction).await?;
        let grant = row.map(grants::Model::into_grant).transpose()?;
        Ok(grant.map(|grant| Locked::read_under_lock(&self.transaction, id.as_uuid(), grant)))
    }

    /// Saves the changes of a transition.
    pub async fn save_grant(&self, grant: &Locked<'_, Grant>, now: Timestamp) -> Result<(), Error> {
        grants::Entity::update_many()
            .set(grants::change_of(grant, now))
            .filter(grants::Column::Id.eq(grant.row()))
            .exec(&self.transaction)
            .await?;
        Ok(())
    }

    /// Stores a new token.
    pub async fn add_token(&self, token: &AccessToken) -> Result<(), Error> {
        insert_token(&self.transaction, token).await
    }

    /// Revokes a token; `false` if it was revoked before or does not exist.
    pub async fn revoke_token(&self, id: ManagementId, now: Timestamp) -> Result<bool, Error> {
        let revoked = access_tokens::Entity::update_many()
            .col_expr(access_tokens::Column::RevokedAt, Expr::value(now.as_millis()))
            .filter(access_tokens::Column::ManagementId.eq(id.as_uuid()))
            .filter(access_tokens::Column::RevokedAt.is_null())
            .exec(&self.transaction)
            .await?;
        Ok(revoked.rows_affected == 1)
    }

    /// Revokes every token of a grant.
    pub async fn revoke_tokens_of(&self, grant: GrantId, now: Timestamp) -> Result<(), Error> {
        access_tokens::Entity::update_many()
            .col_expr(access_tokens::Column::RevokedAt, Expr::value(now.as_millis()))
            .filter(access_tokens::Column::GrantId.eq(grant.as_uuid()))
            .filter(access_tokens::Column::RevokedAt.is_null())
            .exec(&self.transaction)
            .await?;
        Ok(())
    }

    /// Records the event about a change, to be handed over after the commit.
    pub async fn record_event(&self, event: Option<GrantEvent>) -> Result<(), Error> {
        grant_events::record(&self.transaction, event.as_slice()).await
    }

    /// Commits all changes together.
    pub async fn commit(self) -> Result<(), Error> {
        self.transaction.commit().await
    }
}
