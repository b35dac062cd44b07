//! Receives events durably, and handles them, those of one payment one after the other.
//!
//! An event is acknowledged after it is stored. From then on the wallet must handle it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::Entropy;
use database::Error;
use http_kit::ReceivedEvent;
use jobs::{Backoff, Done, Failure, Handler, Job, NewJob, Worker, WorkerSettings};
use serde_json::Value;
use uuid::Uuid;

use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::event::{Event, subject};
use crate::modules::ModuleError;
use crate::store::{self, EventRow, EventState};

const QUEUE: &str = "wallet events";
/// About an hour with the back-off below.
const ATTEMPTS_MAX: u32 = 380;
const SETTINGS: WorkerSettings = WorkerSettings {
    concurrency: 32,
    lane_concurrency: 1,
    places_in_lanes: 32,
    lease: Duration::from_secs(5),
    backoff: Backoff { step: Duration::from_millis(250), most_steps: 40 },
};

#[derive(Clone)]
pub(crate) struct Inbox {
    effects: Effects,
    entropy: Arc<dyn Entropy>,
}

impl Inbox {
    pub(crate) fn new(effects: Effects, entropy: Arc<dyn Entropy>) -> Self {
        Self { effects, entropy }
    }

    pub(crate) fn effects(&self) -> &Effects {
        &self.effects
    }

    pub(crate) fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    /// Stores the event and wakes the worker. A repetition changes nothing.
    pub(crate) async fn receive(&self, event: ReceivedEvent) -> Result<(), Error> {
        let now = self.effects.clock.now();
        let row = EventRow { id: event.id, kind: event.kind, body: event.body.to_string() };
        let transaction = self.effects.store.database().begin().await?;
        if store::receive_event(&transaction, &row, now).await? {
            let job = NewJob::new(QUEUE, row.id, now).in_lane(subject(&event.body["data"]));
            jobs::enqueue(&transaction, job)?;
        }
        transaction.commit().await
    }

    /// Works until `shutdown` resolves.
    pub(crate) async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        self.worker().run(shutdown).await;
    }

    pub(crate) fn worker(&self) -> Worker {
        let database = self.effects.store.database().clone();
        let (clock, entropy) = (Arc::clone(&self.effects.clock), Arc::clone(&self.entropy));
        Worker::new(database, clock, entropy, QUEUE, Arc::new(self.clone()), SETTINGS)
    }

    async fn outcome(&self, row: &EventRow, attempt: u32) -> Result<EventState, Failure> {
        let applied = async {
            let mut body: Value = serde_json::from_str(&row.body)?;
            let event = Event::read(&row.kind, body["data"].take())?;
            if event == Event::Other {
                return Ok(EventState::Ignored);
            }
            self.effects.apply(row.id, event).await?;
            Ok(EventState::Done)
        };
        match applied.await {
            Ok(state) => Ok(state),
            Err(error) => {
                let error: EffectError = error;
                // Another module may be away for longer than an hour, and its money must not wait for a person then.
                let is_away = matches!(error, EffectError::Module(ModuleError::Away { .. } | ModuleError::Proof(_)));
                if is_away || error.is_temporary() && attempt < ATTEMPTS_MAX {
                    return Err(Box::new(error));
                }
                tracing::error!(event.id = %row.id, event.kind = row.kind, %error, "an event was given up; a person must look into it");
                Ok(EventState::Dead { error: error.to_string() })
            }
        }
    }
}

#[async_trait]
impl Handler for Inbox {
    #[tracing::instrument(name = "wallet.event.apply", skip_all, fields(event.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let row = match Uuid::try_parse(job.key()) {
            Ok(id) => self.effects.store.event(id).await?,
            Err(_) => None,
        };
        let Some(row) = row else { return Ok(Done::Complete) };
        let state = self.outcome(&row, job.attempt()).await?;
        let transaction = self.effects.store.database().begin().await?;
        store::settle_event(&transaction, row.id, &state, self.effects.clock.now()).await?;
        job.complete(&transaction);
        transaction.commit().await?;
        Ok(Done::Settled)
    }
}
