//! A row of `outgoing_payment_grant_spendings`.
//! It is used by `grant_spending`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outgoing_payment_grant_spendings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub outgoing_payment_id: Uuid,
    pub grant_id: String,
    pub period_start: Option<i64>,
    pub period_end: Option<i64>,
    pub reserved_debit: i64,
    pub reserved_receive: i64,
    pub actual_debit: Option<i64>,
    pub actual_receive: Option<i64>,
    pub created_at: i64,
    pub settled_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
