//! Rows of `access_tokens`. Values are not kept, only their hashes.
//! The rules of tokens are in `auth-model`.

use auth_model::{AccessToken, GrantId, ManagementId};
use clock::Timestamp;
use database::Error;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_tokens")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub management_id: Uuid,
    pub grant_id: Uuid,
    pub issued_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(belongs_to = "super::grants::Entity", from = "Column::GrantId", to = "super::grants::Column::Id")]
    Grant,
}

impl Related<super::grants::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Grant.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(crate) fn into_token(self) -> Result<AccessToken, Error> {
        Ok(AccessToken {
            hash: super::hash(&self.hash, "access_tokens", "hash", self.management_id)?,
            management_id: ManagementId::from_uuid(self.management_id),
            grant: GrantId::from_uuid(self.grant_id),
            issued_at: Timestamp::from_millis(self.issued_at),
            expires_at: Timestamp::from_millis(self.expires_at),
        })
    }
}

pub(crate) fn row_of(token: &AccessToken) -> ActiveModel {
    ActiveModel {
        hash: Set(token.hash.as_bytes().to_vec()),
        management_id: Set(token.management_id.as_uuid()),
        grant_id: Set(token.grant.as_uuid()),
        issued_at: Set(token.issued_at.as_millis()),
        expires_at: Set(token.expires_at.as_millis()),
        revoked_at: Set(None),
    }
}
