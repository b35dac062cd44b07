//! Finding grants by what clients, browsers and resource servers present, and opening new ones.

use auth_model::{AccessToken, ContinueId, Grant, GrantId, InteractionId, ManagementId, Opened, SecretHash};
use clock::Timestamp;
use database::Error;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};

use crate::AuthStore;
use crate::entity::{access_tokens, grant_identifiers, grants, tenants};

impl AuthStore {
    /// Keeps a new grant, and its token if it has one.
    pub async fn open_grant(&self, opened: &Opened) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        grants::Entity::insert(grants::row_of(&opened.grant)?).exec_without_returning(&transaction).await?;
        let owners = grant_identifiers::rows_of(&opened.grant);
        if !owners.is_empty() {
            grant_identifiers::Entity::insert_many(owners).exec_without_returning(&transaction).await?;
        }
        if let Some(issued) = &opened.issued {
            insert_token(&transaction, &issued.token).await?;
        }
        transaction.commit().await
    }

    /// The grant of this id.
    pub async fn get_grant(&self, id: GrantId) -> Result<Option<Grant>, Error> {
        one(grants::Entity::find_by_id(id.as_uuid()).one(self.database.reader()).await?)
    }

    /// The grant a continuation URL names.
    pub async fn get_grant_by_continuation(&self, id: ContinueId) -> Result<Option<Grant>, Error> {
        let query = grants::Entity::find().filter(grants::Column::ContinueId.eq(id.as_uuid()));
        one(query.one(self.database.reader()).await?)
    }

    /// The grant an interaction belongs to, if the nonce is the interaction's.
    pub async fn get_grant_by_interaction(&self, id: InteractionId, nonce: &str) -> Result<Option<Grant>, Error> {
        let query = grants::Entity::find()
            .filter(grants::Column::InteractionId.eq(id.as_uuid()))
            .filter(grants::Column::InteractionNonce.eq(nonce));
        one(query.one(self.database.reader()).await?)
    }

    /// The token a management URL names, with its grant, unless it was revoked.
    pub async fn get_token_by_management(&self, id: ManagementId) -> Result<Option<(AccessToken, Grant)>, Error> {
        let found = access_tokens::Entity::find()
            .filter(access_tokens::Column::ManagementId.eq(id.as_uuid()))
            .filter(access_tokens::Column::RevokedAt.is_null())
            .find_also_related(grants::Entity)
            .one(self.database.reader())
            .await?;
        match found {
            Some((token, Some(grant))) => Ok(Some((token.into_token()?, grant.into_grant()?))),
            _ => Ok(None),
        }
    }

    /// The living grant behind a token that is good at `now`: not revoked, not expired, its tenant not deleted.
    pub async fn get_grant_by_token(&self, token: SecretHash, now: Timestamp) -> Result<Option<Grant>, Error> {
        let found = access_tokens::Entity::find_by_id(token.as_bytes().to_vec())
            .filter(access_tokens::Column::RevokedAt.is_null())
            .filter(access_tokens::Column::ExpiresAt.gte(now.as_millis()))
            .find_also_related(grants::Entity)
            .join(JoinType::InnerJoin, grants::Relation::Tenant.def())
            .filter(tenants::Column::DeletedAt.is_null())
            .one(self.database.reader())
            .await?;
        let grant = one(found.and_then(|(_, grant)| grant))?;
        Ok(grant.filter(|grant| !grant.state.is_over()))
    }
}

fn one(row: Option<grants::Model>) -> Result<Option<Grant>, Error> {
    row.map(grants::Model::into_grant).transpose()
}

pub(crate) async fn insert_token(connection: &impl ConnectionTrait, token: &AccessToken) -> Result<(), Error> {
    access_tokens::Entity::insert(access_tokens::row_of(token)).exec_without_returning(connection).await?;
    Ok(())
}
