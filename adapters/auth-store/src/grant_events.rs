//! Events about grants that wait to be handed over to the backend. Each is written in the transaction of the change,
//! with a job. A grant's events are handed over one after the other.
//!
//! Handing over is in `services/auth`.

use auth_model::GrantId;
use clock::Timestamp;
use database::{Error, WriteTransaction};
use jobs::NewJob;
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::AuthStore;
use crate::entity::grant_events::{ActiveModel, Column, Entity};

/// The queue of the jobs that hand events over. The key of a job is the grant's id.
pub const GRANT_EVENTS_QUEUE: &str = "grant events";

/// An event about a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantEvent {
    /// Its id.
    pub id: Uuid,
    /// The grant.
    pub grant: GrantId,
    /// Its position among the grant's events. The smallest is handed over first.
    pub turn: i32,
    /// The whole event as JSON.
    pub body: String,
    /// The time of the change.
    pub at: Timestamp,
}

impl AuthStore {
    /// The first event of a grant that was not handed over. Times do not order them, because the clocks of two processes
    /// may differ.
    pub async fn next_grant_event(&self, grant: GrantId) -> Result<Option<GrantEvent>, Error> {
        let found = Entity::find()
            .filter(Column::GrantId.eq(grant.as_uuid()))
            .order_by_asc(Column::Turn)
            .one(self.database.reader())
            .await?;
        Ok(found.map(|row| GrantEvent {
            id: row.id,
            grant: GrantId::from_uuid(row.grant_id),
            turn: row.turn,
            body: row.body,
            at: Timestamp::from_millis(row.created_at),
        }))
    }

    /// Deletes an event that was handed over.
    pub async fn forget_grant_event(&self, event: &GrantEvent) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        Entity::delete_by_id(event.id).exec(&transaction).await?;
        transaction.commit().await
    }
}

/// Records events, to be handed over after the commit. An event that is recorded again is handed over once.
pub(crate) async fn record(transaction: &WriteTransaction, events: &[GrantEvent]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = events.iter().map(|event| ActiveModel {
        id: Set(event.id),
        grant_id: Set(event.grant.as_uuid()),
        turn: Set(event.turn),
        body: Set(event.body.clone()),
        created_at: Set(event.at.as_millis()),
    });
    let once = OnConflict::column(Column::Id).do_nothing().to_owned();
    Entity::insert_many(rows).on_conflict(once).exec_without_returning(transaction).await?;
    for event in events {
        let job = NewJob::new(GRANT_EVENTS_QUEUE, event.grant, event.at);
        jobs::enqueue(transaction, job.behind_one_that_waits())?;
    }
    Ok(())
}
