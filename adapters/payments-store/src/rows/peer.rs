//! A row of `peers`.
//! The peer of the model is made of it in `peers`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "peers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub asset_id: Uuid,
    pub static_ilp_address: String,
    pub outgoing_token: Option<String>,
    pub outgoing_endpoint: Option<String>,
    pub max_packet_amount: Option<i64>,
    pub name: Option<String>,
    pub liquidity_threshold: Option<i64>,
    pub routes: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub former_outgoing_tokens: String,
    pub peering_url: Option<String>,
    pub wanted_by: String,
    pub terms: Option<String>,
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
