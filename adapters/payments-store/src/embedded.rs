//! Rows that other rows embed. They are read with one query for a whole page.
//! The rows that embed them are in the file of their entity.

use std::collections::HashMap;

use database::Error;
use sea_orm::entity::prelude::*;

use crate::rows;

/// The assets with these ids, deleted or not, in one query.
pub(crate) async fn assets_of<C: ConnectionTrait>(
    connection: &C,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, rows::asset::Model>, Error> {
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = rows::asset::Entity::find().filter(rows::asset::Column::Id.is_in(ids)).all(connection).await?;
    Ok(found.into_iter().map(|row| (row.id, row)).collect())
}
