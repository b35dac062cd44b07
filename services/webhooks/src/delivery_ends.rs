//! Records the results of delivery attempts, with the next change of the database. If a result is lost with the process,
//! the event is sent again, as after a loss between the answer and its record (`docs/webhooks.md`).
//!
//! It does not decide what follows from an attempt: the caller has decided that before.

use clock::Timestamp;
use database::Error;
use jobs::{Job, NewJob};
use payments_model::webhook_delivery::{WebhookAttempt, WebhookDelivery};
use payments_store::{Store, Unit};

use crate::record::QUEUE;
use crate::turns::lane;

/// One attempt, and the next step of its job.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) job: Job,
    /// The delivery after the attempt.
    pub(crate) delivery: WebhookDelivery,
    /// The attempt; `None` if there was none.
    pub(crate) attempt: Option<WebhookAttempt>,
    pub(crate) then: Then,
}

/// The next step after an attempt.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// The delivery has ended. The next waiting delivery has its turn.
    Next(Followers),
    /// The same delivery is tried again.
    Again(Timestamp),
    /// The same delivery is tried again in its own job. The next waiting delivery has its turn.
    Aside(Timestamp, Followers),
}

/// Whether other deliveries are known to wait behind this one. The job itself learns of deliveries that are recorded
/// from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followers {
    NoneKnown,
    Waiting,
}

/// Records attempts.
#[derive(Clone, Debug)]
pub struct DeliveryEnds(Store);

impl DeliveryEnds {
    /// Makes a recorder that writes to `store`.
    pub fn new(store: &Store) -> Self {
        Self(store.clone())
    }

    /// Records an attempt with the end of its job, in one transaction.
    pub(crate) async fn note(&self, ended: &Ended) -> Result<(), Error> {
        let unit = self.0.begin().await?;
        write(&unit, ended)?;
        unit.commit_deferred().await
    }
}

fn write(unit: &Unit, ended: &Ended) -> Result<(), Error> {
    let Ended { job, delivery, attempt, then } = ended;
    match attempt {
        Some(attempt) => unit.every_tenant().note_delivery_attempt(delivery, attempt),
        None => unit.every_tenant().note_delivery_not_tried(delivery),
    }
    let next = |followers| match followers {
        Followers::NoneKnown => job.complete(unit.transaction()),
        Followers::Waiting => job.run_again(unit.transaction(), delivery.updated_at),
    };
    match *then {
        Then::Next(followers) => next(followers),
        Then::Again(at) => job.put_off(unit.transaction(), at, delivery.reason.as_deref().unwrap_or_default()),
        Then::Aside(at, followers) => {
            let own = NewJob::new(QUEUE, delivery.id, at).in_lane(lane(delivery.recipient));
            jobs::enqueue(unit.transaction(), own)?;
            next(followers);
        }
    }
    Ok(())
}
