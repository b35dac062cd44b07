//! Delivering one event to one recipient.
//!
//! At least once: the event's id stays the same over retries, and only status 200 counts as told.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy};
use directory::Directory;
use jobs::{Backoff, Done, Failure, Handler, Job, Settings};
use metrics::Counter;
use outbound_http::{Outbound, Request};
use payments_model::WebhookDeliveryId;
use payments_model::webhook_event::{DeliveryState, WebhookDelivery, WebhookEvent};
use payments_store::Store;
use serde_json::{Value, json};
use telemetry::metrics::WEBHOOK_DELIVERIES;
use uuid::Uuid;

use crate::delivery_ends::{Again, Attempt, DeliveryEnds};
use crate::record::ToTell;
use crate::signature::{Signing, signature_header};
use crate::target::{Target, Targets};

/// Retries come after 10, 20, 30, 40, 50, 60, 60 … seconds.
const BACKOFF: Backoff = Backoff { step: Duration::from_secs(10), most_steps: 6 };
/// Room for the longest time-out a tenant may set, and then some.
const LEASE: Duration = Duration::from_secs(30);

/// How many recipients may hang, each with all its places taken, before others get fewer.
const LANES_AT_FULL_WIDTH: usize = 16;

/// How the worker of [`crate::QUEUE`] works. Every delivery is in the lane of its recipient: `at_once` go to one recipient at
/// most, and many times as many to all, so that a dozen recipients that hang hold up nobody else.
pub fn worker_settings(at_once: usize) -> Settings {
    let concurrency = at_once.max(4);
    Settings {
        concurrency,
        lane_concurrency: concurrency,
        places_in_lanes: concurrency * LANES_AT_FULL_WIDTH,
        lease: LEASE,
        backoff: BACKOFF,
    }
}

/// Delivers what is due; the handler of [`crate::QUEUE`].
#[derive(Clone, Debug)]
pub struct Deliverer {
    /// Where deliveries are recorded.
    pub store: Store,
    /// What tenants have set.
    pub directory: Directory,
    /// Who is reached where.
    pub targets: Arc<Targets>,
    /// How bodies are signed; unset means not at all.
    pub signing: Option<Signing>,
    /// What sends.
    pub http: Outbound,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub entropy: Arc<dyn Entropy>,
    /// Counts attempts.
    pub counts: DeliveryCounts,
    /// Records attempts.
    pub ends: DeliveryEnds,
}

/// How many attempts to deliver ended how.
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

/// What a 401 to a signed event means most often.
const OTHER_SECRET: &str = "SIGNATURE_SECRET and SIGNATURE_VERSION here must be what the receiver checks webhooks with";
/// What a 401 to an unsigned event means most often.
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

    /// What the job is about: from its maker, or from the database; `None` if there is nothing to tell any more.
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
        let body = json!({"id": event.id, "type": event.event_type.as_str(), "data": event.data});
        match self.request(event, &body, target, attempt) {
            Ok(request) => match self.http.send(request).await {
                Ok(response) => Outcome::Answered(response.status.as_u16()),
                Err(error) => Outcome::Unanswered(error.to_string()),
            },
            Err(error) => Outcome::Unanswered(error.to_string()),
        }
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

    /// Decides whether it is tried again, and records how it went in one transaction with the end of the job.
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
        self.ends.note(Attempt { job: job.clone(), delivery, at, again }).await?;
        self.counts.count(state);
        Ok(())
    }

    /// Up to a tenth later, so that what failed together is not repeated together.
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
