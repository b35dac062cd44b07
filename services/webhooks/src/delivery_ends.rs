//! Results of attempts to deliver.
//!
//! The result of the last attempt is written a moment later, with other writes. A crash in that moment repeats the
//! delivery with the same id, which receivers must accept anyway. What follows from a result is decided in `delivery`.

use clock::Timestamp;
use database::{Error, Soon};
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
pub struct DeliveryEnds {
    store: Store,
    last: Soon<AttemptRecord>,
}

impl DeliveryEnds {
    /// Stores results in `store`.
    pub fn new(store: &Store) -> Self {
        let (of_all, of_one) = (store.clone(), store.clone());
        let together = move |attempts: &[AttemptRecord]| {
            let deliveries: Vec<_> = attempts.iter().map(|attempt| (attempt.delivery.clone(), attempt.at)).collect();
            let jobs = attempts.iter().map(|attempt| &attempt.job);
            vec![of_all.last_delivery_attempts(&deliveries), jobs::completed(of_all.database(), jobs)]
        };
        let last = Soon::new(store.database(), together, move |attempt| record(of_one.clone(), attempt));
        Self { store: store.clone(), last }
    }

    /// Stores the result of an attempt and the end of its job in one transaction.
    pub(crate) async fn note(&self, attempt: AttemptRecord) -> Result<(), Error> {
        match attempt.again {
            Some(_) => record(self.store.clone(), attempt).await,
            None => self.last.write(attempt).await,
        }
    }
}

async fn record(store: Store, attempt: AttemptRecord) -> Result<(), Error> {
    let AttemptRecord { job, delivery, at, again } = &attempt;
    let unit = store.begin().await?;
    unit.every_tenant().note_delivery_attempt(delivery, *at);
    match again {
        Some(again) => job.retry(unit.transaction(), again.at, &again.reason),
        None => job.complete(unit.transaction()),
    }
    unit.commit().await
}
