//! Money that comes with data from its sender: the account-servicing entity decides whether it is accepted.
//!
//! The packets wait for the answer, which may reach another process. So questions and answers are rows, and every
//! change is made under a lock. The memory of a process only holds its waiting packets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::{Clock, Entropy, Timestamp};
use connector::{SenderData, Verdict};
use database::Subscription;
use payments_model::incoming_payment::Approval;
use payments_model::partial_payment::{
    Course, DECISION_HOLDS_FOR, Offer, PartialPayment, PartialPaymentDecision, Standing,
};
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{IncomingPayment, IncomingPaymentId, InitiatedBy, PartialPaymentId, payment_events};
use payments_store::{Store, Unit};
use sealed_text::{Place, Sealer};
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use webhooks::{Audience, Webhooks};

use crate::unavailable::Unavailable;

/// The topic that wakes packets that wait for an answer.
pub(crate) const ANSWERS: &str = "partial payment decisions";
/// The maximum number of packets that wait in one process. Senders of further packets may try again.
const WAITING_MAX: usize = 256;
/// The maximum number of them for one payment, so that one sender leaves room for others.
pub(crate) const WAITING_FOR_ONE_MAX: usize = 16;

const REJECTED: &str = "Additional data rejected";
const UNANSWERED: &str = "No response from receiving ASE";
const TOO_MANY: &str = "Additional data was sent too often";

/// How long packets wait for decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionTimes {
    /// `PARTIAL_PAYMENT_DECISION_MAX_WAIT_MS`: the longest time.
    pub max_wait: Duration,
    /// `PARTIAL_PAYMENT_DECISION_SAFETY_MARGIN_MS`: how long before its expiry a packet stops waiting.
    pub safety_margin: Duration,
}

/// The settings of decisions, and the packets that wait for them in this process.
#[derive(Clone, Debug)]
pub struct PartialPayments {
    times: Option<DecisionTimes>,
    /// Encrypts the data in the event.
    sealer: Sealer,
    waiting: Arc<Waiting>,
}

/// Counts the packets that wait for answers in this process.
#[derive(Debug)]
struct Waiting {
    all: Semaphore,
    /// The payments with waiting packets, so no more than there are permits.
    of_payments: Mutex<HashMap<IncomingPaymentId, usize>>,
}

/// A packet that waits, or asks and then waits. Dropping it makes room for another one.
#[derive(Debug)]
struct Waits<'a> {
    waiting: &'a Waiting,
    payment: IncomingPaymentId,
    _permit: SemaphorePermit<'a>,
}

/// The dependencies of a decision.
pub(crate) struct Asking<'a> {
    pub(crate) store: &'a Store,
    pub(crate) webhooks: &'a Webhooks,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) approval: Approval,
    pub(crate) partial: &'a PartialPayments,
}

impl PartialPayments {
    /// With `times` the entity is asked about money with data. Without, all money is accepted.
    pub fn new(times: Option<DecisionTimes>, sealer: Sealer) -> Self {
        Self { times, sealer, waiting: Arc::new(Waiting::new()) }
    }
}

impl Waiting {
    fn new() -> Self {
        Self { all: Semaphore::new(WAITING_MAX), of_payments: Mutex::default() }
    }

    /// Counts one more packet to `payment`; `None` if too many wait.
    fn enter(&self, payment: IncomingPaymentId) -> Option<Waits<'_>> {
        let permit = self.all.try_acquire().ok()?;
        let mut of_payments = self.lock();
        let waiting = of_payments.entry(payment).or_default();
        if *waiting >= WAITING_FOR_ONE_MAX {
            return None;
        }
        *waiting += 1;
        Some(Waits { waiting: self, payment, _permit: permit })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IncomingPaymentId, usize>> {
        self.of_payments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut of_payments = self.waiting.lock();
        if let Some(waiting) = of_payments.get_mut(&self.payment) {
            *waiting -= 1;
            if *waiting == 0 {
                of_payments.remove(&self.payment);
            }
        }
    }
}

impl Asking<'_> {
    /// Decides about the money of a packet to an incoming payment. Waits for the entity's answer if necessary.
    pub(crate) async fn judge(&self, payment: IncomingPaymentId, offered: SenderData<'_>) -> Verdict {
        let Some(times) = self.partial.times else { return Verdict::Take };

        let left = offered.until.saturating_since(self.clock.now());
        match tokio::time::timeout(left, self.ask_and_wait(payment, offered, times)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(payment.id = %payment, error, "the receiver was not asked about money with data");
                Verdict::Later
            }
            Err(_) => Verdict::Later,
        }
    }

    async fn ask_and_wait(
        &self,
        payment: IncomingPaymentId,
        offered: SenderData<'_>,
        times: DecisionTimes,
    ) -> Result<Verdict, Unavailable> {
        // Before anything is read, so that no answer is missed.
        let answers = self.store.database().subscribe(ANSWERS);

        let data = self.partial.sealer.fingerprint(offered.data, payment.as_uuid());
        let offer = Offer { data, connection: *offered.connection.as_bytes() };
        let last = offered.until - times.safety_margin;

        let now = self.clock.now();
        let known = self.store.tenant(offered.tenant).partial_payments(payment, now - DECISION_HOLDS_FOR).await?;
        let course = Course::of(offer, known, now);

        // A stored decision needs no permit. A new question does, and gets it before the event is sent, so that a
        // packet waits for the answer.
        let _waits = match course {
            Course::Ask | Course::Wait(_) => {
                let Some(waits) = self.partial.waiting.enter(payment) else { return Ok(Verdict::Later) };
                Some(waits)
            }
            Course::Follow(_) | Course::TooLate | Course::Busy | Course::TooMany => None,
        };
        let course = match course {
            Course::Ask => self.ask(payment, offered, offer, last.min(now + times.max_wait)).await?,
            course => Some(course),
        };

        Ok(match course {
            Some(Course::Follow(decision)) => verdict(decision),
            Some(Course::Wait(question)) => self.wait(question, answers, last).await?,
            Some(Course::TooLate) => declined(UNANSWERED),
            Some(Course::TooMany) => declined(TOO_MANY),
            Some(Course::Busy | Course::Ask) | None => Verdict::Later,
        })
    }

    /// Asks the entity, unless another packet has asked meanwhile. `None` if the payment accepts no money any more, or
    /// if there is no time for an answer. In both cases the sender may try again.
    ///
    /// The lock on the payment makes packets of all processes ask one after the other, so the bounds hold exactly.
    async fn ask(
        &self,
        payment: IncomingPaymentId,
        offered: SenderData<'_>,
        offer: Offer,
        until: Timestamp,
    ) -> Result<Option<Course>, Unavailable> {
        let unit = self.store.begin().await?;
        let scope = unit.tenant(offered.tenant);
        let Some(locked) = scope.locked_incoming_payment(payment).await? else { return Ok(None) };

        let now = self.clock.now();
        if locked.takes_money(self.approval, now).is_err() || until <= now {
            return Ok(None);
        }
        let known = scope.partial_payments(payment, now - DECISION_HOLDS_FOR).await?;
        match Course::of(offer, known, now) {
            Course::Ask => {}
            course => return Ok(Some(course)),
        }

        let question = PartialPayment {
            id: PartialPaymentId::random(self.entropy),
            tenant_id: offered.tenant,
            payment,
            offer,
            asked_at: now,
            until,
            standing: Standing::Asked,
        };
        self.write_question(&unit, &question, &locked, offered.data).await?;
        unit.commit().await?;
        Ok(Some(Course::Wait(question)))
    }

    /// Writes the question, and the event that asks it.
    async fn write_question(
        &self,
        unit: &Unit,
        question: &PartialPayment,
        payment: &IncomingPayment,
        data: &[u8],
    ) -> Result<(), Unavailable> {
        let text = String::from_utf8_lossy(data);
        let place = Place::DataFromSender(question.id.as_uuid());
        let sealed = self.partial.sealer.seal(&text, place, self.entropy)?;

        let mut body = payment_events::incoming_payment(payment, 0);
        body["partialIncomingPaymentId"] = json!(question.id);
        body["dataFromSender"] = json!(sealed);
        let event = WebhookEvent {
            id: question.id.into(),
            event_type: EventType::IncomingPaymentPartialPaymentReceived,
            tenant_id: question.tenant_id,
            data: body,
            subject: Subject::IncomingPayment(question.payment),
            withdrawal: None,
            created_at: question.asked_at,
        };
        let audience = match payment.initiated_by {
            InitiatedBy::Card => Audience::tenant(question.tenant_id).and_point_of_sale(),
            InitiatedBy::OpenPayments | InitiatedBy::Admin => Audience::tenant(question.tenant_id),
        };
        self.webhooks.record(unit, &event, &audience).await?;
        Ok(unit.tenant(question.tenant_id).insert_partial_payment(question)?)
    }

    /// Waits for the answer until the question or the packet runs out of time.
    async fn wait(
        &self,
        question: PartialPayment,
        mut answers: Subscription,
        last: Timestamp,
    ) -> Result<Verdict, Unavailable> {
        let until = question.until.min(last);
        loop {
            let left = until.saturating_since(self.clock.now());
            if tokio::time::timeout(left, answers.notified()).await.is_err() {
                return self.stop_waiting(question, last).await;
            }
            let found = self.store.tenant(question.tenant_id).partial_payment(question.id).await?;
            match found.map(|question| question.standing) {
                Some(Standing::Asked) => {}
                Some(Standing::Decided { decision, .. }) => return Ok(verdict(decision)),
                Some(Standing::Unanswered) => return Ok(declined(UNANSWERED)),
                None => return Ok(Verdict::Later),
            }
        }
    }

    /// Ends the question under its lock, so that a later answer has no effect. An answer that is already stored is
    /// used.
    async fn stop_waiting(&self, question: PartialPayment, last: Timestamp) -> Result<Verdict, Unavailable> {
        let unit = self.store.begin().await?;
        let scope = unit.tenant(question.tenant_id);
        let Some(locked) = scope.locked_partial_payment(question.id).await? else { return Ok(Verdict::Later) };
        match &locked.standing {
            Standing::Decided { decision, .. } => return Ok(verdict(decision.clone())),
            Standing::Unanswered => return Ok(declined(UNANSWERED)),
            // Another packet, which expires later, still waits for the answer.
            Standing::Asked if last < question.until => return Ok(Verdict::Later),
            Standing::Asked => {}
        }

        scope.update_partial_payment(&locked.map(PartialPayment::give_up));
        unit.transaction().wake_on_commit(ANSWERS);
        unit.commit().await?;
        Ok(declined(UNANSWERED))
    }
}

fn verdict(decision: PartialPaymentDecision) -> Verdict {
    match decision {
        PartialPaymentDecision::Accept => Verdict::Take,
        PartialPaymentDecision::Reject { reason } => declined(reason.as_deref().unwrap_or(REJECTED)),
    }
}

fn declined(reason: &str) -> Verdict {
    Verdict::Decline { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn payment(number: usize) -> IncomingPaymentId {
        IncomingPaymentId::from_uuid(Uuid::from_u128(number as u128))
    }

    #[test]
    fn packets_to_one_payment_leave_room_for_those_to_others() {
        let waiting = Waiting::new();
        let mut first: Vec<_> = (0..WAITING_FOR_ONE_MAX).map(|_| waiting.enter(payment(0)).unwrap()).collect();
        assert!(waiting.enter(payment(0)).is_none());
        assert!(waiting.enter(payment(1)).is_some());
        first.pop();
        first.extend(waiting.enter(payment(0)));
        assert_eq!(first.len(), WAITING_FOR_ONE_MAX);
        assert!(waiting.enter(payment(0)).is_none());
    }

    #[test]
    fn the_packets_of_a_process_are_bounded_and_those_that_ended_leave_nothing() {
        let waiting = Waiting::new();
        let all: Vec<_> = (0..WAITING_MAX).map(|number| waiting.enter(payment(number)).unwrap()).collect();
        assert!(waiting.enter(payment(WAITING_MAX)).is_none());
        assert_eq!(waiting.lock().len(), WAITING_MAX);
        drop(all);
        assert!(waiting.lock().is_empty());
        assert!(waiting.enter(payment(0)).is_some());
    }
}
