//! Tokens that the built-in issuer gave to services.
//!
//! Grants of clients have tokens of their own; see `grants`.

use auth_model::SecretHash;
use clock::Timestamp;
use database::Error;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::AuthStore;
use crate::entity::service_tokens::{ActiveModel, Column, Entity};

/// A token of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceToken {
    /// The hash of its value.
    pub hash: SecretHash,
    /// The client it was issued to.
    pub client: String,
    /// The service it is for.
    pub audience: String,
    /// What it grants, as one text.
    pub scope: String,
    /// Since when it is valid.
    pub issued_at: Timestamp,
    /// Until when it is valid.
    pub expires_at: Timestamp,
    /// The digest of the certificate that it is bound to.
    pub certificate: Option<String>,
}

impl AuthStore {
    /// Stores a new token.
    pub async fn insert_service_token(&self, token: &ServiceToken) -> Result<(), Error> {
        let row = ActiveModel {
            hash: Set(token.hash.as_bytes().to_vec()),
            client: Set(token.client.clone()),
            audience: Set(token.audience.clone()),
            scope: Set(token.scope.clone()),
            issued_at: Set(token.issued_at.as_millis()),
            expires_at: Set(token.expires_at.as_millis()),
            certificate: Set(token.certificate.clone()),
        };
        let transaction = self.database.begin().await?;
        Entity::insert(row).exec_without_returning(&transaction).await?;
        transaction.commit().await
    }

    /// The token with this hash, if it is valid at `now`.
    pub async fn service_token(&self, hash: SecretHash, now: Timestamp) -> Result<Option<ServiceToken>, Error> {
        let found = Entity::find_by_id(hash.as_bytes().to_vec())
            .filter(Column::ExpiresAt.gt(now.as_millis()))
            .one(self.database.reader())
            .await?;
        Ok(found.map(|row| ServiceToken {
            hash,
            client: row.client,
            audience: row.audience,
            scope: row.scope,
            issued_at: Timestamp::from_millis(row.issued_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            certificate: row.certificate,
        }))
    }

    /// Revokes the token with this hash, if it was issued to `client`.
    pub async fn revoke_service_token(&self, hash: SecretHash, client: &str) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let own = Entity::delete_by_id(hash.as_bytes().to_vec()).filter(Column::Client.eq(client));
        own.exec(&transaction).await?;
        transaction.commit().await
    }

    /// Deletes tokens that have expired.
    pub(crate) async fn purge_service_tokens(&self, now: Timestamp) -> Result<u64, Error> {
        let transaction = self.database.begin().await?;
        let old = Entity::delete_many().filter(Column::ExpiresAt.lte(now.as_millis()));
        let deleted = old.exec(&transaction).await?.rows_affected;
        transaction.commit().await?;
        Ok(deleted)
    }
}
