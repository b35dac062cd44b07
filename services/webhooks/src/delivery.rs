//! Delivers one event to one recipient.
//!
//! Delivery is at least once. The event's id stays the same over retries, and only status 200 counts as delivered.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy};
use directory::Directory;
use jobs::{Backoff, Done, Failure, Handler, Job, WorkerSettings};
use metrics::Counter;
use outbound_http::Outbound;
use payments_model::WebhookDeliveryId;
use payments_model::webhook_delivery::{DeliveryState, Recipient, WebhookAttempt, WebhookDelivery};
use payments_model::webhook_endpoint::Sending;
use payments_model::webhook_event::{EventType, WebhookEvent};
use payments_model::webhook_ladder::AttemptsMax;
use payments_store::{Error, InTurn, Store};
use sealed_text::{OpenError, Place, Sealer};
use serde_json::{Value, json};
use telemetry::metrics::WEBHOOK_DELIVERIES;

use crate::delivery_ends::{DeliveryEnds, Ended, Followers, Then};
use crate::pause::{Rest, waits_for_resumption};
use crate::record::ToTell;
use crate::sending::{Letter, Sender};
use crate::target::{Target, Targets};
use crate::turns::{Turn, turn};

/// The pause after an error that is not the recipient's fault: the database did not answer.
const BACKOFF: Backoff = Backoff { step: Duration::from_secs(10), most_steps: 6 };
/// Longer than the longest time-out that a tenant may set.
const LEASE: Duration = Duration::from_secs(30);

/// This many recipients may hang with all their places taken before the others get fewer places.
const LANES_AT_FULL_WIDTH: usize = 16;

/// The member of an event's data that may be stored encrypted.
const SENDERS_DATA: &str = "dataFromSender";

/// After this many failed attempts we suspect the event itself. The reference makes as many attempts.
const SUSPECTED_AFTER: u32 = 10;

/// How the worker of [`crate::QUEUE`] works. Each recipient has a lane. One recipient gets at most `at_once` deliveries
/// at the same time. All recipients together get many times more, so a dozen recipients that hang do not delay the
/// others.
pub fn worker_settings(at_once: usize) -> WorkerSettings {
    let concurrency = at_once.max(4);
    WorkerSettings {
        concurrency,
        lane_concurrency: concurrency,
        places_in_lanes: concurrency * LANES_AT_FULL_WIDTH,
        lease: LEASE,
        backoff: BACKOFF,
    }
}

/// Delivers the due events. It is the handler of [`crate::QUEUE`].
#[derive(Clone, Debug)]
pub struct Deliverer {
    /// Holds the deliveries.
    pub store: Store,
    /// Knows the settings of tenants.
    pub directory: Directory,
    /// Gives the URL and the settings for each recipient.
    pub targets: Arc<Targets>,
    /// Sends the calls.
    pub http: Outbound,
    /// Gives the time.
    pub clock: Arc<dyn Clock>,
    /// Gives the randomness that spreads retries.
    pub entropy: Arc<dyn Entropy>,
    /// Counts attempts.
    pub counts: DeliveryCounts,
    /// Decrypts the data that is stored encrypted.
    pub sealer: Sealer,
    /// Records attempts.
    pub ends: DeliveryEnds,
}

/// Counts of attempts, by their results.
#[derive(Clone, Debug)]
pub struct DeliveryCounts {
    delivered: Counter,
    failed: Counter,
    quarantined: Counter,
    exhausted: Counter,
}

impl Default for DeliveryCounts {
    fn default() -> Self {
        let counter = |result: &'static str| metrics::counter!(WEBHOOK_DELIVERIES, "result" => result);
        Self {
            delivered: counter("delivered"),
            failed: counter("failed"),
            quarantined: counter("quarantined"),
            exhausted: counter("exhausted"),
        }
    }
}

/// What a job has to do.
enum Found {
    /// There is nothing left to deliver.
    Nothing,
    /// This delivery, with its event.
    ToTell(Arc<ToTell>, Followers),
    /// A delivery whose event cannot be read any more, and the reason.
    Unreadable(Box<WebhookDelivery>, Error, Followers),
}

impl Deliverer {
    async fn deliver(&self, job: &Job) -> Result<Done, Failure> {
        match self.find(job).await? {
            Found::Nothing => Ok(Done::Complete),
            Found::ToTell(told, followers) => self.tell(job, &told, followers).await,
            Found::Unreadable(delivery, error, followers) => {
                let attempt = self.unreadable(&delivery, &error);
                self.settle(job, *delivery, attempt, AttemptsMax::Ladder, followers, Fault::OfEvent).await
            }
        }
    }

    /// Finds the delivery of a job. The job carries it, or the database has it.
    async fn find(&self, job: &Job) -> Result<Found, Failure> {
        if let Some(carried) = job.carried() {
            return Ok(Found::ToTell(carried, Followers::NoneKnown));
        }
        let Some(turn) = turn(job.key()) else { return Ok(Found::Nothing) };

        let everything = self.store.every_tenant();
        let in_turn = match turn {
            Turn::Of(recipient, subject) => everything.delivery_in_turn(recipient, subject).await,
            Turn::Alone(id) => self.delivery_alone(id).await,
        };

        let InTurn { delivery, event, has_followers } = match in_turn {
            Err(error) => return self.set_aside_unreadable(error).await,
            Ok(None) => return Ok(Found::Nothing),
            Ok(Some(in_turn)) => in_turn,
        };

        let followers = if has_followers { Followers::Waiting } else { Followers::NoneKnown };
        match event {
            Ok(Some(event)) => Ok(Found::ToTell(Arc::new(ToTell { event, delivery }), followers)),
            Ok(None) => Ok(Found::Nothing),
            Err(error @ Error::Inconsistent { .. }) => Ok(Found::Unreadable(Box::new(delivery), error, followers)),
            Err(error) => Err(error.into()),
        }
    }

    /// A delivery that has a job of its own, unless it has ended.
    async fn delivery_alone(&self, id: WebhookDeliveryId) -> Result<Option<InTurn>, Error> {
        let everything = self.store.every_tenant();
        let own = everything.webhook_delivery(id).await?.filter(|delivery| match delivery.state {
            DeliveryState::Pending => delivery.subject.is_none(),
            DeliveryState::Quarantined => true,
            DeliveryState::Delivered | DeliveryState::Exhausted => false,
        });
        let Some(delivery) = own else { return Ok(None) };
        let event = everything.webhook_event(delivery.event_id).await;
        Ok(Some(InTurn { delivery, event, has_followers: false }))
    }

    /// A delivery whose row cannot be read does not block the others. The job runs again, for the delivery after it.
    async fn set_aside_unreadable(&self, error: Error) -> Result<Found, Failure> {
        if let Error::Inconsistent { row, .. } = &error
            && let Ok(id) = row.parse::<WebhookDeliveryId>()
        {
            let unit = self.store.begin().await?;
            unit.every_tenant().quarantine_unreadable(id, &error.to_string(), self.clock.now());
            unit.commit().await?;
            self.counts.quarantined.increment(1);
            tracing::error!(delivery.id = %id, error = &error as &dyn std::error::Error, "{QUARANTINED}");
        }
        Err(error.into())
    }

    async fn tell(&self, job: &Job, told: &ToTell, followers: Followers) -> Result<Done, Failure> {
        let ToTell { event, delivery } = told;
        let target = self.targets.find(&self.directory, delivery.recipient, self.clock.now()).await?;
        let Some(target) = target else {
            return self.give_up(job, delivery, "the recipient no longer has a URL", followers).await;
        };
        // A request to send it again means that it is to be tried.
        if target.attempts_max == AttemptsMax::Exactly(0) && delivery.due_at.is_none() {
            return self.give_up(job, delivery, "WEBHOOK_MAX_RETRY is 0: nothing is sent", followers).await;
        }
        if target.sending != Sending::Running {
            match waits_for_resumption(&self.store, job, delivery, self.clock.now()).await? {
                Rest::Waits => return Ok(Done::Settled),
                Rest::Gone => return self.give_up(job, delivery, "the endpoint was deleted", followers).await,
                Rest::Over => {}
            }
        }
        let (attempt, fault) = match self.opened(event) {
            Ok(data) => (self.send(event, &data, &target, delivery.attempts + 1).await, Fault::Unknown),
            Err(error) => (self.unreadable(delivery, &error), Fault::OfEvent),
        };
        self.settle(job, delivery.clone(), attempt, target.attempts_max, followers, fault).await
    }

    /// The event's data for its recipient. The data of a payment's sender may be stored encrypted.
    fn opened<'e>(&self, event: &'e WebhookEvent) -> Result<Cow<'e, Value>, OpenError> {
        let (EventType::IncomingPaymentPartialPaymentReceived, Some(Value::String(stored))) =
            (event.event_type, event.data.get(SENDERS_DATA))
        else {
            return Ok(Cow::Borrowed(&event.data));
        };
        let opened = self.sealer.open(stored, Place::DataFromSender(event.id.as_uuid()))?;
        let mut data = event.data.clone();
        data[SENDERS_DATA] = Value::String(opened);
        Ok(Cow::Owned(data))
    }

    /// An attempt that was not made.
    fn unreadable(&self, delivery: &WebhookDelivery, error: &dyn std::error::Error) -> WebhookAttempt {
        WebhookAttempt {
            number: delivery.attempts + 1,
            began_at: self.clock.now(),
            duration: Duration::ZERO,
            status_code: None,
            body: None,
            error: Some(format!("the event cannot be read: {error}")),
        }
    }

    async fn send(&self, event: &WebhookEvent, data: &Value, target: &Target, attempt: u32) -> WebhookAttempt {
        let id = event.id.to_string();
        let body = json!({"id": id, "type": event.event_type.as_str(), "data": data});
        let signature_version = self.targets.signature_version;
        let proofs = &self.targets.proofs;
        let sender = Sender { http: &self.http, clock: &*self.clock, signature_version, proofs };
        sender.send(Letter { event_id: &id, body: &body, attempt }, target).await
    }

    /// Ends a delivery without an attempt.
    async fn give_up(
        &self,
        job: &Job,
        delivery: &WebhookDelivery,
        reason: &str,
        followers: Followers,
    ) -> Result<Done, Failure> {
        tracing::warn!(event.id = %delivery.event_id, reason, "an event is not sent");
        let delivery = WebhookDelivery {
            state: DeliveryState::Exhausted,
            reason: Some(reason.to_owned()),
            due_at: None,
            updated_at: self.clock.now(),
            ..delivery.clone()
        };
        self.ends.note(&Ended { job: job.clone(), delivery, attempt: None, then: Then::Next(followers) }).await?;
        self.counts.exhausted.increment(1);
        Ok(Done::Settled)
    }

    /// Decides the next state of the delivery. The attempt, the state and the end of the job are recorded in one
    /// transaction.
    async fn settle(
        &self,
        job: &Job,
        before: WebhookDelivery,
        attempt: WebhookAttempt,
        attempts_max: AttemptsMax,
        followers: Followers,
        fault: Fault,
    ) -> Result<Done, Failure> {
        let now = self.clock.now();

        let mut after = WebhookDelivery {
            attempts: attempt.number,
            status_code: attempt.status_code.or(before.status_code),
            reason: attempt.error.clone(),
            due_at: None,
            updated_at: now,
            ..before
        };

        let failed = after.attempts_of_this_round();
        let then = match (&attempt.error, self.targets.ladder.pause_after(failed, attempts_max)) {
            (None, _) => {
                after.state = DeliveryState::Delivered;
                Then::Next(followers)
            }
            (Some(_), None) => {
                after.state = DeliveryState::Exhausted;
                Then::Next(followers)
            }
            (Some(_), Some(pause)) => {
                let pause = pause.min(longest_pause(after.recipient, failed));
                let at = now + self.spread(pause);
                after.due_at = Some(at);
                let newly = before.state == DeliveryState::Pending;
                if newly && (fault == Fault::OfEvent || self.is_suspect(&after, failed).await?) {
                    after.state = DeliveryState::Quarantined;
                    // A delivery that already has its own job stays in it.
                    if after.subject.is_some() { Then::Aside(at, followers) } else { Then::Again(at) }
                } else {
                    Then::Again(at)
                }
            }
        };

        let newly_quarantined = after.state == DeliveryState::Quarantined && before.state == DeliveryState::Pending;
        // Nothing waits for the recipient any more.
        job.leave_place();
        self.ends.note(&Ended { job: job.clone(), delivery: after.clone(), attempt: Some(attempt), then }).await?;
        self.report(&after, newly_quarantined);

        Ok(Done::Settled)
    }

    /// Whether the event seems to cause the failures: its delivery fails repeatedly, and the recipient accepts later
    /// events.
    async fn is_suspect(&self, delivery: &WebhookDelivery, failed: u32) -> Result<bool, Error> {
        Ok(failed >= SUSPECTED_AFTER && self.store.every_tenant().recipient_takes_others(delivery).await?)
    }

    fn report(&self, delivery: &WebhookDelivery, newly_quarantined: bool) {
        let (event, attempts) = (delivery.event_id, delivery.attempts);
        let reason = delivery.reason.as_deref().unwrap_or_default();
        let counter = match delivery.state {
            DeliveryState::Delivered => &self.counts.delivered,
            DeliveryState::Exhausted => {
                tracing::error!(event.id = %event, attempts, reason, "the delivery of an event was given up");
                &self.counts.exhausted
            }
            DeliveryState::Quarantined if newly_quarantined => {
                tracing::error!(event.id = %event, attempts, reason, "{QUARANTINED}");
                &self.counts.quarantined
            }
            DeliveryState::Pending | DeliveryState::Quarantined => {
                tracing::warn!(event.id = %event, attempts, reason, "an event was not delivered; it will be tried again");
                &self.counts.failed
            }
        };
        counter.increment(1);
    }

    /// Adds up to a tenth of the pause, so that deliveries that failed together are not repeated together.
    fn spread(&self, wait: Duration) -> Duration {
        let [byte] = self.entropy.bytes::<1>();
        wait + wait * u32::from(byte) / 2560
    }
}

/// The longest pause after so many failed attempts. A card service and a point of sale have somebody who waits at a
/// terminal for half a minute, so they are told again soon.
fn longest_pause(recipient: Recipient, failed: u32) -> Duration {
    match (recipient, failed) {
        (Recipient::CardService | Recipient::PointOfSaleService, 1..=4) => {
            Duration::from_millis(500) * 2_u32.pow(failed - 1)
        }
        _ => Duration::MAX,
    }
}

const QUARANTINED: &str = "an event is set aside, because its deliveries fail while its recipient accepts others, \
    or because it cannot be read; it is tried more rarely, and later events are sent. Look at webhookDeliveries of the \
    Admin API";

/// The cause of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    OfEvent,
    Unknown,
}

#[async_trait::async_trait]
impl Handler for Deliverer {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.deliver(job).await
    }
}
