//! Finds grants by the ids and tokens that clients, browsers and resource servers present, and stores new ones.
//!
//! It does not change existing grants: see `unit`.

use std::collections::HashMap;

use auth_model::{AccessToken, ContinueId, Grant, GrantId, InteractionId, ManagementId, Opened, SecretHash};
use clock::Timestamp;
use database::{Database, Error};
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};

use crate::AuthStore;
use crate::entity::{access_tokens, grant_identifiers, grants, tenants};
use crate::grant_events::{self, GrantEvent};

impl AuthStore {
    /// Stores a new grant, its token if it has one, and the event about it. Grants that are opened at the same time are
    /// stored with one commit.
    pub async fn open_grant(&self, opened: &Opened, event: Option<GrantEvent>) -> Result<(), Error> {
        let token = opened.issued.as_ref().map(|issued| issued.token.clone());
        self.opening.ask(NewGrant { grant: opened.grant.clone(), token, event }).await
    }

    /// The grant with this id.
    pub async fn get_grant(&self, id: GrantId) -> Result<Option<Grant>, Error> {
        one(grants::Entity::find_by_id(id.as_uuid()).one(self.database.reader()).await?)
    }

    /// The grant that a continuation URL names.
    pub async fn get_grant_by_continuation(&self, id: ContinueId) -> Result<Option<Grant>, Error> {
        let query = grants::Entity::find().filter(grants::Column::ContinueId.eq(id.as_uuid()));
        one(query.one(self.database.reader()).await?)
    }

    /// The grant that an interaction belongs to, if the nonce is the interaction's.
    pub async fn get_grant_by_interaction(&self, id: InteractionId, nonce: &str) -> Result<Option<Grant>, Error> {
        let query = grants::Entity::find()
            .filter(grants::Column::InteractionId.eq(id.as_uuid()))
            .filter(grants::Column::InteractionNonce.eq(nonce));
        one(query.one(self.database.reader()).await?)
    }

    /// The token that a management URL names, with its grant, unless the token was revoked.
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

    /// When the tokens of a grant end or have ended that were not revoked. Whoever has the grant may know it. Questions of
    /// the same time, as for a list of grants, are one query.
    pub async fn token_ends_of(&self, grant: GrantId) -> Result<Vec<Timestamp>, Error> {
        self.token_ends.ask(grant).await
    }

    /// The grant of a token that is valid at `now`: not revoked, not expired, its tenant not deleted.
    ///
    /// Tokens that are looked up at the same time share one statement, which begins after all look-ups. So a token that
    /// was revoked before is not found.
    pub async fn get_grant_by_token(&self, token: SecretHash, now: Timestamp) -> Result<Option<Grant>, Error> {
        let grant = self.presented.ask(token).await?.filter(|found| found.expires_at >= now).map(|found| found.grant);
        Ok(grant.filter(|grant| !grant.state.is_over()))
    }
}

/// When the tokens of each of these grants end that were not revoked, in the order of `grants`.
pub(crate) async fn token_ends(database: Database, grants: Vec<GrantId>) -> Result<Vec<Vec<Timestamp>>, Error> {
    let found: Vec<(Uuid, i64)> = access_tokens::Entity::find()
        .select_only()
        .column(access_tokens::Column::GrantId)
        .column(access_tokens::Column::ExpiresAt)
        .filter(access_tokens::Column::GrantId.is_in(grants.iter().map(|grant| grant.as_uuid())))
        .filter(access_tokens::Column::RevokedAt.is_null())
        .into_tuple()
        .all(database.reader())
        .await?;
    let mut ends: HashMap<Uuid, Vec<Timestamp>> = HashMap::new();
    for (grant, end) in found {
        ends.entry(grant).or_default().push(Timestamp::from_millis(end));
    }
    Ok(grants.iter().map(|grant| ends.get(&grant.as_uuid()).cloned().unwrap_or_default()).collect())
}

/// A grant to store, its token if it has one, and the event about it.
#[derive(Clone, Debug)]
pub(crate) struct NewGrant {
    grant: Grant,
    token: Option<AccessToken>,
    event: Option<GrantEvent>,
}

/// A token that was not revoked and whose tenant was not deleted.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    expires_at: Timestamp,
    grant: Grant,
}

/// Stores new grants with one commit.
pub(crate) async fn open(database: Database, opened: Vec<NewGrant>) -> Result<Vec<()>, Error> {
    let rows = opened.iter().map(|opened| grants::row_of(&opened.grant)).collect::<Result<Vec<_>, _>>()?;
    let owners: Vec<_> = opened.iter().flat_map(|opened| grant_identifiers::rows_of(&opened.grant)).collect();
    let tokens: Vec<_> = opened.iter().filter_map(|opened| opened.token.as_ref()).map(access_tokens::row_of).collect();
    let events: Vec<_> = opened.iter().filter_map(|opened| opened.event.clone()).collect();
    let transaction = database.begin().await?;
    grants::Entity::insert_many(rows).exec_without_returning(&transaction).await?;
    if !owners.is_empty() {
        grant_identifiers::Entity::insert_many(owners).exec_without_returning(&transaction).await?;
    }
    if !tokens.is_empty() {
        access_tokens::Entity::insert_many(tokens).exec_without_returning(&transaction).await?;
    }
    grant_events::record(&transaction, &events).await?;
    transaction.commit().await?;
    Ok(vec![(); opened.len()])
}

/// Looks tokens up, in the order of `tokens`.
pub(crate) async fn present(database: Database, tokens: Vec<SecretHash>) -> Result<Vec<Option<Presented>>, Error> {
    let found = access_tokens::Entity::find()
        .filter(access_tokens::Column::Hash.is_in(tokens.iter().map(|token| token.as_bytes().to_vec())))
        .filter(access_tokens::Column::RevokedAt.is_null())
        .find_also_related(grants::Entity)
        .join(JoinType::InnerJoin, grants::Relation::Tenant.def())
        .filter(tenants::Column::DeletedAt.is_null())
        .all(database.reader())
        .await?;
    let mut known = HashMap::new();
    for (token, grant) in found {
        let Some(grant) = one(grant)? else { continue };
        known.insert(token.hash, Presented { expires_at: Timestamp::from_millis(token.expires_at), grant });
    }
    Ok(tokens.iter().map(|token| known.get(token.as_bytes().as_slice()).cloned()).collect())
}

fn one(row: Option<grants::Model>) -> Result<Option<Grant>, Error> {
    row.map(grants::Model::into_grant).transpose()
}

pub(crate) async fn insert_token(connection: &impl ConnectionTrait, token: &AccessToken) -> Result<(), Error> {
    access_tokens::Entity::insert(access_tokens::row_of(token)).exec_without_returning(connection).await?;
    Ok(())
}
