//! A row of `quotes`.
//! The quote of the model is made of it in `quotes`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "quotes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub wallet_address_id: Uuid,
    pub asset_id: Uuid,
    pub receiver: String,
    pub debit_amount: i64,
    pub debit_amount_minus_fees: i64,
    pub receive_amount: i64,
    pub receive_asset_code: String,
    pub receive_asset_scale: i32,
    pub estimated_rate: String,
    pub ilp_max_packet_amount: Option<i64>,
    pub ilp_min_rate: Option<String>,
    pub ilp_low_rate: Option<String>,
    pub ilp_high_rate: Option<String>,
    pub fee_id: Option<Uuid>,
    pub client: Option<String>,
    pub expires_at: i64,
    pub created_at: i64,
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
