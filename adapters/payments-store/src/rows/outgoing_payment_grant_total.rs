//! A row of `outgoing_payment_grant_totals`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outgoing_payment_grant_totals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub grant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub period_start: i64,
    pub period_end: i64,
    pub debit_total: i64,
    pub receive_total: i64,
    pub debit_asset_code: String,
    pub debit_asset_scale: i32,
    pub receive_asset_code: String,
    pub receive_asset_scale: i32,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
