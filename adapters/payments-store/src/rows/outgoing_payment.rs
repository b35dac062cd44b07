//! A row of `outgoing_payments`.
//! The payment of the model is made of it in `outgoing_payments`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outgoing_payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub wallet_address_id: Uuid,
    pub state: String,
    pub error: Option<String>,
    pub attempts: i64,
    pub client: Option<String>,
    pub grant_id: Option<String>,
    pub metadata: Option<String>,
    pub initiated_by: String,
    pub data_to_transmit: Option<String>,
    pub progress_debited: i64,
    pub progress_delivered: i64,
    pub delivery_record: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
