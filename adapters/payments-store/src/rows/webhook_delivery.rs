//! A row of `webhook_deliveries`.
//! The delivery of the model is made of it in `webhook_deliveries`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub event_id: Uuid,
    pub recipient: String,
    pub recipient_tenant_id: Option<Uuid>,
    pub endpoint_id: Option<Uuid>,
    pub subject_id: Option<Uuid>,
    pub position: Option<i64>,
    pub attempts: i64,
    pub attempts_before: Option<i64>,
    pub status_code: Option<i32>,
    pub reason: Option<String>,
    pub state: String,
    pub due_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
