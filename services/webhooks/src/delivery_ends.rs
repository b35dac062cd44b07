//! Results of attempts to deliver, written together with others of the same time.
//!
//! What follows from a result is decided in `delivery`.

use clock::Timestamp;
use database::{Error, Gather};
use jobs::Job;
use payments_model::webhook_event::WebhookDelivery;
use payments_store::Store;

/// One attempt, and what happens to its job.
#[derive(Clone, Debug)]
pub(crate) struct AttemptRecord {
    pub(crate) job: Job,
    /// The delivery after it.
    pub(crate) delivery: WebhookDelivery,
    pub(crate) at: Timestamp,
    /// The next attempt, if there is one.
    pub(crate) again: Option<Again>,
}

/// The next attempt.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    pub(crate) at: Timestamp,
    /// Why it is needed.
    pub(crate) reason: String,
}

/// Stores the results of attempts. Clones write together.
#[derive(Clone, Debug)]
pub struct DeliveryEnds(Gather<AttemptRecord, ()>);

impl DeliveryEnds {
    /// Stores results in `store`.
    pub fn new(store: &Store) -> Self {
        let store = store.clone();
        Self(Gather::new(move |attempts| record(store.clone(), attempts)))
    }

    /// Stores the result of an attempt and the end of its job in one transaction.
    pub(crate) async fn note(&self, attempt: AttemptRecord) -> Result<(), Error> {
        self.0.ask(attempt).await
    }
}

async fn record(store: Store, attempts: Vec<AttemptRecord>) -> Result<Vec<()>, Error> {
    let unit = store.begin().await?;
    for AttemptRecord { job, delivery, at, again } in &attempts {
        unit.every_tenant().note_delivery_attempt(delivery, *at);
        match again {
            Some(again) => job.retry(unit.transaction(), again.at, &again.reason),
            None => job.complete(unit.transaction()),
        }
    }
    unit.commit().await?;
    Ok(vec![(); attempts.len()])
}
