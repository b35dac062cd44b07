//! A row of `partial_payments`: a question about money that came with data.
//! The rules are in `payments-model`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "partial_payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub incoming_payment_id: Uuid,
    pub data_fingerprint: String,
    pub connection: String,
    pub asked_at: i64,
    pub until: i64,
    pub state: String,
    pub reason: Option<String>,
    pub decided_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
