//! A row of `outgoing_payment_card_details`.
//! It is used by `outgoing_payments`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outgoing_payment_card_details")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub outgoing_payment_id: Uuid,
    pub request_id: String,
    pub data: String,
    pub initiated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
