//! Delivering one event to one recipient.
//!
//! At least once: retries have the same event id, and only status 200 is a success.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy};
use directory::Directory;
use jobs::{Backoff, Done, Failure, Handler, Job, WorkerSettings};
use metrics::Counter;
use outbound_http::{Outbound, Request};
use payments_model::WebhookDeliveryId;
use payments_model::webhook_event::{DeliveryState, WebhookDelivery, WebhookEvent};
use payments_store::Store;
use sealed_text::{OpenError, Sealer};
use serde_json::{Value, json};
use telemetry::metrics::WEBHOOK_DELIVERIES;
use uuid::Uuid;

use crate::delivery_ends::{Again, AttemptRecord, DeliveryEnds};
use crate::record::ToTell;
use crate::signature::{Signing, signature_header};
use crate::target::{Target, Targets};

/// Retries follow after 10, 20, 30, 40, 50, 60, 60 … seconds.
const BACKOFF: Backoff = Backoff { step: Duration::from_secs(10), most_steps: 6 };
/// Longer than the longest time-out that a tenant may set.
const LEASE: Duration = Duration::from_secs(30);

/// How many recipients may be slow, each with all its places in use, before others get fewer places.
const LANES_AT_FULL_WIDTH: usize = 16;

/// Settings of the worker of [`crate::QUEUE`]. Every delivery is in the lane of its recipient. At most `at_once` go to
/// one recipient, and many times as many to all. So a dozen slow recipients do not delay the others.
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

/// Delivers due events. This is the handler of [`crate::QUEUE`].
#[derive(Clone, Debug)]
pub struct Deliverer {
    /// The store of deliveries.
    pub store: Store,
    /// The settings of tenants.
    pub directory: Directory,
    /// The targets of recipients.
    pub targets: Arc<Targets>,
    /// How bodies are signed; `None` means that they are not signed.
    pub signing: Option<Signing>,
    /// The HTTP client.
    pub http: Outbound,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness that spreads retries.
    pub entropy: Arc<dyn Entropy>,
    /// Counts attempts.
    pub counts: DeliveryCounts,
    /// Decrypts what is stored encrypted.
    pub sealer: Sealer,
    /// Stores the results of attempts.
    pub ends: DeliveryEnds,
}

/// Counts of attempts, by their result.
#[derive(Clone, Debug)]
pub struct DeliveryCounts {
    delivered: Counter,
    failed: Counter,
    exhausted: Counter,
}

impl Default for DeliveryCounts {
    fn default() -> Self {
        let counter = |result: &'static str| metrics::counter!(WEBHOOK_DELIVERIES, "result" => result);
        Self { delivered: counter("delivered"), failed: counter("failed"), exhausted: counter("exhausted") }
    }
}

impl DeliveryCounts {
    fn count(&self, state: DeliveryState) {
        let counter = match state {
            DeliveryState::Delivered => &self.delivered,
            DeliveryState::Pending => &self.failed,
            DeliveryState::Exhausted => &self.exhausted,
        };
        counter.increment(1);
    }
}

/// The usual reason for a 401 to a signed event.
const OTHER_SECRET: &str = "SIGNATURE_SECRET and SIGNATURE_VERSION here must be what the receiver checks webhooks with";
/// The usual reason for a 401 to an unsigned event.
const NO_SECRET: &str = "SIGNATURE_SECRET is not set here, so nothing is signed; set it to the receiver's secret";

enum Outcome {
    Answered(u16),
    Unanswered(String),
}

impl Deliverer {
    async fn deliver(&self, job: &Job) -> Result<Done, Failure> {
        let Some(told) = self.to_tell(job).await? else { return Ok(Done::Complete) };
        let ToTell { event, delivery } = &*told;
        let attempt = delivery.attempts + 1;
        let (outcome, attempts_max) = match self.targets.find(&self.directory, delivery.recipient).await? {
            Some(target) => (self.send(event, &target, attempt).await, target.attempts_max),
            None => (Outcome::Unanswered("the service has no URL any more".to_owned()), 0),
        };
        self.settle(job, delivery.clone(), outcome, attempts_max).await?;
        Ok(Done::Settled)
    }

    /// The delivery of the job, from memory or from the database; `None` if it was done or deleted.
    async fn to_tell(&self, job: &Job) -> Result<Option<Arc<ToTell>>, Failure> {
        if let Some(carried) = job.carried() {
            return Ok(Some(carried));
        }
        let id = WebhookDeliveryId::from_uuid(Uuid::parse_str(job.key())?);
        let everything = self.store.every_tenant();
        let delivery = everything.webhook_delivery(id).await?;
        let Some(delivery) = delivery.filter(|delivery| delivery.state == DeliveryState::Pending) else {
            return Ok(None);
        };
        let event = everything.webhook_event(delivery.event_id).await?;
        Ok(event.map(|event| Arc::new(ToTell { event, delivery })))
    }

    async fn send(&self, event: &WebhookEvent, target: &Target, attempt: u32) -> Outcome {
        let data = match self.opened(event) {
            Ok(data) => data,
            Err(error) => return Outcome::Unanswered(error.to_string()),
        };
        let body = json!({"id": event.id, "type": event.event_type.as_str(), "data": data});
        match self.request(event, &body, target, attempt) {
            Ok(request) => match self.http.send(request).await {
                Ok(response) => Outcome::Answered(response.status.as_u16()),
                Err(error) => Outcome::Unanswered(error.to_string()),
            },
            Err(error) => Outcome::Unanswered(error.to_string()),
        }
    }

    /// The event's data as its recipient reads it: what the sender of a payment wrote is stored encrypted.
    fn opened(&self, event: &WebhookEvent) -> Result<Value, OpenError> {
        let mut data = event.data.clone();
        if let Some(Value::String(stored)) = data.get_mut("dataFromSender") {
            *stored = self.sealer.open(stored, event.id.as_uuid())?;
        }
        Ok(data)
    }

    fn request(&self, event: &WebhookEvent, body: &Value, target: &Target, attempt: u32) -> Result<Request, Failure> {
        let mut request = Request::post_json(target.url.clone(), body)?.deadline(target.timeout);
        if !target.chosen_by_tenant {
            request = request.configured();
        }
        let mut headers =
            vec![("rafiki-event-id", event.id.to_string()), ("rafiki-delivery-attempt", attempt.to_string())];
        if let Some(signing) = &self.signing {
            let signature = signature_header(signing, self.clock.now(), body);
            headers.push(("rafiki-signature", signature));
        }
        for (name, value) in headers {
            request = request.header(name.parse()?, value.parse()?);
        }
        Ok(request)
    }

    /// Decides whether the delivery is tried again, and stores the result in one transaction with the end of the job.
    async fn settle(
        &self,
        job: &Job,
        mut delivery: WebhookDelivery,
        outcome: Outcome,
        attempts_max: u32,
    ) -> Result<(), Failure> {
        delivery.attempts += 1;
        let reason = match outcome {
            Outcome::Answered(200) => {
                delivery.status_code = Some(200);
                delivery.state = DeliveryState::Delivered;
                String::new()
            }
            Outcome::Answered(status) => {
                delivery.status_code = Some(status);
                match (status, &self.signing) {
                    (401, Some(_)) => format!("answered 401: {OTHER_SECRET}"),
                    (401, None) => format!("answered 401: {NO_SECRET}"),
                    _ => format!("answered {status}"),
                }
            }
            Outcome::Unanswered(reason) => reason,
        };
        let told = delivery.state == DeliveryState::Delivered;
        if !told && delivery.attempts >= attempts_max {
            delivery.state = DeliveryState::Exhausted;
            tracing::error!(event.id = %delivery.event_id, attempts = delivery.attempts, reason, "given up; the event was not delivered");
        } else if !told {
            tracing::warn!(event.id = %delivery.event_id, attempts = delivery.attempts, reason, "not told yet");
        }
        let state = delivery.state;
        let at = self.clock.now();
        let again = (state == DeliveryState::Pending)
            .then(|| Again { at: at + self.spread(BACKOFF.after(delivery.attempts)), reason });
        self.ends.note(AttemptRecord { job: job.clone(), delivery, at, again }).await?;
        self.counts.count(state);
        Ok(())
    }

    /// Adds up to a tenth, so that deliveries that failed together are not retried together.
    fn spread(&self, wait: Duration) -> Duration {
        let [byte] = self.entropy.bytes::<1>();
        wait + wait * u32::from(byte) / 2560
    }
}

#[async_trait::async_trait]
impl Handler for Deliverer {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.deliver(job).await
    }
}
