//! Rows of `grant_identifiers`: whose resources a grant is about.
//! The grants themselves are in `grants`.

use std::collections::BTreeSet;

use auth_model::Grant;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grant_identifiers")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub identifier: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub grant_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn rows_of(grant: &Grant) -> Vec<ActiveModel> {
    let owners: BTreeSet<&str> =
        grant.access.iter().filter_map(|item| item.identifier()).map(gnap::WalletAddressUrl::as_str).collect();
    owners
        .into_iter()
        .map(|owner| ActiveModel { identifier: Set(owner.to_owned()), grant_id: Set(grant.id.as_uuid()) })
        .collect()
}
