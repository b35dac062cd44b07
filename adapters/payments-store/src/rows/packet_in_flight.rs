//! A row of `packets_in_flight`.
//! It is used by `packets_in_flight`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "packets_in_flight")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub outgoing_payment_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub source_amount: i64,
    pub prepare: Vec<u8>,
    pub shared_secret: Vec<u8>,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
