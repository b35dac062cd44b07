//! A row of `incoming_payments`.
//! The payment of the model is made of it in `incoming_payments`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "incoming_payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub wallet_address_id: Uuid,
    pub asset_id: Uuid,
    pub state: String,
    pub incoming_amount: Option<i64>,
    pub expires_at: i64,
    pub client: Option<String>,
    pub metadata: Option<String>,
    pub initiated_by: String,
    pub sender_wallet_address: Option<String>,
    pub approved_at: Option<i64>,
    pub cancelled_at: Option<i64>,
    pub cancellation_reason: Option<String>,
    pub announced_amount: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::asset::Entity", from = "Column::AssetId", to = "super::asset::Column::Id")]
    Asset,
}

impl Related<super::asset::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Asset.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
