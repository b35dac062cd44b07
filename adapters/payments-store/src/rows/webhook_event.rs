//! A row of `webhook_events`.
//! The event of the model is made of it in `webhook_events`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub event_type: String,
    pub tenant_id: Uuid,
    pub data: String,
    pub withdrawal_account_id: Option<Uuid>,
    pub withdrawal_asset_id: Option<Uuid>,
    pub withdrawal_amount: Option<i64>,
    pub incoming_payment_id: Option<Uuid>,
    pub outgoing_payment_id: Option<Uuid>,
    pub wallet_address_id: Option<Uuid>,
    pub peer_id: Option<Uuid>,
    pub asset_id: Option<Uuid>,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
