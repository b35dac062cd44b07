//! Tokens that are kept for the repetition of the request that they were given to.
//!
//! They are sealed before they come here.

use auth_model::{AccessToken, Grant, ManagementId, SecretHash};
use database::Error;
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::AuthStore;
use crate::entity::kept_answers::{ActiveModel, Column, Entity};
use crate::unit::AuthUnit;

/// A token for the repetition of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The token that was exchanged, or the grant that was continued.
    pub asked: Uuid,
    /// The digest of the request.
    pub request: SecretHash,
    /// The token that was given.
    pub token: ManagementId,
    /// Its value, sealed.
    pub sealed: String,
}

/// What a repetition may get: the sealed value, its token and its grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The value, sealed.
    pub sealed: String,
    /// Its token, which was not revoked.
    pub token: AccessToken,
    /// The grant.
    pub grant: Grant,
}

impl AuthStore {
    /// What this request got before, unless its token was revoked or exchanged since.
    pub async fn get_answer(&self, asked: Uuid, request: SecretHash) -> Result<Option<Answered>, Error> {
        let found = Entity::find_by_id(asked)
            .filter(Column::Request.eq(request.as_bytes().to_vec()))
            .one(self.database.reader())
            .await?;
        let Some(kept) = found else { return Ok(None) };
        let token = self.get_token_by_management(ManagementId::from_uuid(kept.management_id)).await?;
        Ok(token.map(|(token, grant)| Answered { sealed: kept.sealed, token, grant }))
    }
}

impl AuthUnit {
    /// Keeps a token for the repetition of its request. The token must be stored already.
    pub async fn keep_answer(&self, answer: &KeptAnswer) -> Result<(), Error> {
        let row = ActiveModel {
            asked: Set(answer.asked),
            request: Set(answer.request.as_bytes().to_vec()),
            management_id: Set(answer.token.as_uuid()),
            sealed: Set(answer.sealed.clone()),
        };
        Entity::insert(row).exec_without_returning(self.connection()).await?;
        Ok(())
    }
}
