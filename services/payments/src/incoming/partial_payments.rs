//! Money that comes with data from its sender: the account-servicing entity decides whether it is taken.
//!
//! The packets wait meanwhile, in whichever process they are; the decision may reach another one. So both meet in the
//! shared cache. There the entity is asked once for a payment and its data, however many packets carry that, and the
//! first decision is the only one. What is lost there is asked again or declined; money is never taken without a word.

use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Entropy, Timestamp};
use connector::Verdict;
use ledger::TransferId;
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{IncomingPayment, IncomingPaymentId, InitiatedBy, WebhookEventId, payment_events};
use payments_store::Store;
use sealed_text::Sealer;
use serde::{Deserialize, Serialize};
use serde_json::json as object;
use sha2::{Digest, Sha256};
use shared_cache::{CacheError, SharedCache};
use uuid::Uuid;
use webhooks::{Audience, Webhooks};

use crate::unavailable::Unavailable;

/// How long a decision holds for further packets with the same data.
const DECIDED_FOR: Duration = Duration::from_hours(1);
/// How much longer than the entity has time its question is kept.
const KEPT_LONGER: Duration = Duration::from_secs(10);
/// So often the entity of one payment is asked within that time; a sender that changes its data all the time is declined.
const QUESTIONS_MAX: i64 = 64;

/// How long decisions are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionTimes {
    /// `PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS`: at the longest.
    pub max_wait: Duration,
    /// `PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS`: so much is left of a packet's life afterwards.
    pub safety_margin: Duration,
}

/// What the decisions need from others.
#[derive(Clone)]
pub struct PartialPayments {
    /// Where packets and decisions meet.
    pub cache: SharedCache,
    /// Encrypts the data where it is stored.
    pub sealer: Sealer,
    /// How long they are waited for; `None`: nobody is asked.
    pub times: Option<DecisionTimes>,
}

/// The entity's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialPaymentDecision {
    /// Whether the money is taken.
    pub success: bool,
    /// What the sender is told, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A question, as long as it is not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    /// Afterwards nobody waits any more.
    until: i64,
    /// Under which key the question is found by payment and data.
    found_by: String,
}

/// What is under the key of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Standing {
    Decided(PartialPaymentDecision),
    Asked(Question),
}

/// Who asks, and what with.
pub(crate) struct Asking<'a> {
    pub(crate) store: &'a Store,
    pub(crate) webhooks: &'a Webhooks,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
}

impl PartialPaymentDecision {
    fn verdict(self) -> Verdict {
        match (self.success, self.reason) {
            (true, _) => Verdict::Take,
            (false, reason) => declined(reason.as_deref().unwrap_or("Additional data rejected")),
        }
    }
}

impl PartialPayments {
    /// Asks whether the money of a packet that carries `data` is taken, and waits for the answer; `until` is when the
    /// packet expires.
    pub(crate) async fn judge(
        &self,
        asking: &Asking<'_>,
        payment: &IncomingPayment,
        data: &[u8],
        until: Timestamp,
    ) -> Verdict {
        let Some(times) = self.times else { return Verdict::Take };
        let now = asking.clock.now();
        let left = until.saturating_since(now).saturating_sub(times.safety_margin);
        match self.ask_and_wait(asking, payment, data, times, times.max_wait.min(left)).await {
            Ok(Some(decision)) => decision.verdict(),
            Ok(None) => declined("No response from receiving ASE"),
            Err(error) => {
                tracing::error!(
                    payment.id = %payment.id, error = &error as &dyn std::error::Error,
                    "money with data was declined because its receiver could not be asked"
                );
                declined("Error processing partial payment")
            }
        }
    }

    async fn ask_and_wait(
        &self,
        asking: &Asking<'_>,
        payment: &IncomingPayment,
        data: &[u8],
        times: DecisionTimes,
        at_most: Duration,
    ) -> Result<Option<PartialPaymentDecision>, Unavailable> {
        let found_by = question_key(payment.id, data);
        let partial = match self.cache.get(&found_by).await?.as_deref().and_then(partial_id) {
            Some(partial) => partial,
            None => self.ask(asking, payment, data, times, found_by).await?,
        };
        let key = decision_key(payment.id, partial);
        let decided = |value: &Option<Bytes>| matches!(value.as_deref().and_then(standing), Some(Standing::Decided(_)));
        let found = self.cache.wait_until(&key, at_most, decided).await?.flatten();
        Ok(match found.as_deref().and_then(standing) {
            Some(Standing::Decided(decision)) => Some(decision),
            _ => None,
        })
    }

    /// Asks the entity, unless another packet has just done so; gives the id of the question.
    async fn ask(
        &self,
        asking: &Asking<'_>,
        payment: &IncomingPayment,
        data: &[u8],
        times: DecisionTimes,
        found_by: String,
    ) -> Result<Uuid, Unavailable> {
        let partial = asking.entropy.uuid();
        let until = (asking.clock.now() + times.max_wait).as_millis();
        let question = json(&Standing::Asked(Question { until, found_by: found_by.clone() }));
        let key = decision_key(payment.id, partial);
        // The question is there before anybody can answer it.
        self.cache.set(&key, question.clone(), times.max_wait + KEPT_LONGER).await?;
        if !self.cache.set_if_absent(&found_by, Bytes::from(partial.to_string()), times.max_wait).await? {
            let other = self.cache.get(&found_by).await?;
            if let Some(other) = other.as_deref().and_then(partial_id) {
                return Ok(other);
            }
        }
        let counted = self.cache.add(&format!("partial_payments:{}", payment.id), 1, DECIDED_FOR).await?;
        if counted > QUESTIONS_MAX {
            let refused = PartialPaymentDecision { success: false, reason: Some("Too much data".to_owned()) };
            self.cache.replace_if(&key, &question, json(&Standing::Decided(refused)), times.max_wait).await?;
            return Ok(partial);
        }
        self.tell(asking, payment, data, partial).await?;
        Ok(partial)
    }

    async fn tell(
        &self,
        asking: &Asking<'_>,
        payment: &IncomingPayment,
        data: &[u8],
        partial: Uuid,
    ) -> Result<(), Unavailable> {
        let id = TransferId::derived(partial, "event", 0).as_uuid();
        let mut body = payment_events::incoming_payment(payment, 0);
        body["partialIncomingPaymentId"] = object!(partial);
        let text = String::from_utf8_lossy(data);
        body["dataFromSender"] = object!(self.sealer.seal(&text, id, asking.entropy));
        let event = WebhookEvent {
            id: WebhookEventId::from_uuid(id),
            event_type: EventType::IncomingPaymentPartialPaymentReceived,
            tenant_id: payment.tenant_id,
            data: body,
            subject: Subject::IncomingPayment(payment.id),
            withdrawal: None,
            created_at: asking.clock.now(),
        };
        let audience = match payment.initiated_by {
            InitiatedBy::Card => Audience::tenant(payment.tenant_id).and_point_of_sale(),
            InitiatedBy::OpenPayments | InitiatedBy::Admin => Audience::tenant(payment.tenant_id),
        };
        let unit = asking.store.begin().await?;
        asking.webhooks.record(&unit, &event, &audience)?;
        Ok(unit.commit().await?)
    }

    /// Records the entity's decision; whether it was in time and the first, or the same as the first.
    pub(crate) async fn decide(
        &self,
        payment: IncomingPaymentId,
        partial: Uuid,
        decision: &PartialPaymentDecision,
        now: Timestamp,
    ) -> Result<bool, CacheError> {
        let key = decision_key(payment, partial);
        let Some(found) = self.cache.get(&key).await? else { return Ok(false) };
        let question = match standing(&found) {
            Some(Standing::Asked(question)) => question,
            Some(Standing::Decided(first)) => return Ok(first == *decision),
            None => return Ok(false),
        };
        if now.as_millis() > question.until {
            return Ok(false);
        }
        let decided = json(&Standing::Decided(decision.clone()));
        if !self.cache.replace_if(&key, &found, decided.clone(), DECIDED_FOR).await? {
            let first = self.cache.get(&key).await?;
            return Ok(first.is_some_and(|first| first == decided));
        }
        // Further packets with this data find the decision.
        self.cache.set(&question.found_by, Bytes::from(partial.to_string()), DECIDED_FOR).await?;
        Ok(true)
    }
}

fn declined(reason: &str) -> Verdict {
    Verdict::Decline { reason: reason.to_owned() }
}

fn decision_key(payment: IncomingPaymentId, partial: Uuid) -> String {
    format!("partial_payment_decision:{payment}:{partial}")
}

fn question_key(payment: IncomingPaymentId, data: &[u8]) -> String {
    let digest = Sha256::digest(data);
    let digest: String = digest[..16].iter().map(|octet| format!("{octet:02x}")).collect();
    format!("partial_payment:{payment}:{digest}")
}

fn partial_id(value: &[u8]) -> Option<Uuid> {
    Uuid::try_parse_ascii(value).ok()
}

fn standing(value: &[u8]) -> Option<Standing> {
    serde_json::from_slice(value).ok()
}

fn json(standing: &Standing) -> Bytes {
    // The types have no form that cannot be written.
    Bytes::from(serde_json::to_vec(standing).unwrap_or_default())
}
