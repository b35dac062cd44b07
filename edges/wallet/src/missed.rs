//! Finds events that the instance has and this wallet never got, and takes them in like any other.
//!
//! An instance gives up on an event after some attempts, while the wallet was down or could not be reached. What the
//! event means is not decided here.

use std::sync::Arc;
use std::time::Duration;

use admin_client::{PageRequest, WebhookEventView};
use async_trait::async_trait;
use clock::Timestamp;
use database::{Database, Error};
use http_kit::ReceivedEvent;
use jobs::{Done, Failure, Handler, Job, Worker};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effect_error::EffectError;
use crate::inbox::Inbox;
use crate::round::Round;
use crate::sql::read_one;

const ROUND: Round = Round { queue: "wallet missed events", key: "missed events" };
/// Events that move customers' money.
const KINDS: [&str; 6] = [
    "outgoing_payment.created",
    "outgoing_payment.completed",
    "outgoing_payment.failed",
    "incoming_payment.completed",
    "incoming_payment.expired",
    "wallet_address.web_monetization",
];
/// How far the first look goes back.
const AT_FIRST: Duration = Duration::from_hours(24);
/// A transaction that makes an event takes no longer. So an event is not passed over because it became visible late.
const OVERLAP: Duration = Duration::from_mins(1);
/// How many events the instance is asked for at once.
const AT_ONCE: u32 = 100;

/// Looks for missed events. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Missed {
    inbox: Inbox,
    /// Younger events may still be delivered. It is also the time between two looks.
    old: Duration,
}

impl Missed {
    pub(crate) fn new(inbox: Inbox, old: Duration) -> Self {
        Self { inbox, old }
    }

    /// Works until `shutdown` resolves.
    pub(crate) async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        ROUND.work(self.inbox.effects(), self.worker(), shutdown).await;
    }

    /// Makes sure that there is the job.
    pub(crate) async fn begin(&self) -> Result<(), Error> {
        ROUND.begin(self.inbox.effects()).await
    }

    pub(crate) fn worker(&self) -> Worker {
        ROUND.worker(self.inbox.effects(), self.inbox.entropy(), Arc::new(self.clone()))
    }

    fn database(&self) -> &Database {
        self.inbox.effects().store.database()
    }

    /// Takes in what was missed until now, less the time in which it may still be delivered.
    async fn look(&self, now: Timestamp) -> Result<(), EffectError> {
        let until = now.saturating_sub(self.old);
        let since = self.looked_until().await?.unwrap_or_else(|| until.saturating_sub(AT_FIRST));
        let kinds = KINDS.map(str::to_owned);
        let mut page = PageRequest { first: Some(AT_ONCE), ..PageRequest::default() };
        loop {
            let listed = self.inbox.effects().admin.webhook_events_page(&page, &kinds, None).await?;
            let reached = listed.nodes.last().is_none_or(|event| event.created_at < since.saturating_sub(OVERLAP));
            let old: Vec<WebhookEventView> =
                listed.nodes.into_iter().filter(|event| event.created_at <= until).collect();
            // One question for the whole page, because nearly all of them did arrive.
            let ids: Vec<Uuid> = old.iter().map(|event| event.id).collect();
            let known = self.inbox.effects().store.known_events(&ids).await?;
            for event in old.into_iter().filter(|event| !known.contains(&event.id)) {
                self.take_in(event).await?;
            }
            if reached || !listed.page_info.has_next_page || listed.page_info.end_cursor.is_none() {
                break;
            }
            page.after = listed.page_info.end_cursor;
        }
        Ok(self.has_looked(until).await?)
    }

    /// Takes in an event that never arrived.
    async fn take_in(&self, event: WebhookEventView) -> Result<(), EffectError> {
        let accounts = &self.inbox.effects().modules.accounts;
        // Other programs may keep other accounts of the same tenant.
        let Some(address) = address_of(&event.data) else { return Ok(()) };
        if accounts.with_address(address).await?.is_none() {
            return Ok(());
        }
        tracing::warn!(event.id = %event.id, event.kind = event.kind, "an event that never arrived is taken in");
        let body = json!({"id": event.id, "type": event.kind, "data": event.data});
        Ok(self.inbox.receive(ReceivedEvent { id: event.id, kind: event.kind, body }).await?)
    }

    async fn looked_until(&self) -> Result<Option<Timestamp>, Error> {
        let row = read_one(self.database(), "SELECT looked_until FROM wallet_missed_events", []).await?;
        row.map(|row| Ok(Timestamp::from_millis(row.try_get_by_index(0)?))).transpose()
    }

    async fn has_looked(&self, until: Timestamp) -> Result<(), Error> {
        let sql = "INSERT INTO wallet_missed_events (only_row, looked_until) VALUES (1, $1)
            ON CONFLICT (only_row) DO UPDATE SET looked_until = excluded.looked_until";
        self.database().execute(sql, [until.as_millis().into()]).await.map(drop)
    }
}

/// The wallet address that an event is about.
fn address_of(data: &Value) -> Option<Uuid> {
    let named = data["walletAddressId"].as_str().or_else(|| data["walletAddress"]["id"].as_str())?;
    named.parse().ok()
}

#[async_trait]
impl Handler for Missed {
    #[tracing::instrument(name = "wallet.events.look", skip_all)]
    async fn run(&self, _: &Job) -> Result<Done, Failure> {
        let now = self.inbox.effects().clock.now();
        self.look(now).await.map_err(Box::new)?;
        Ok(Done::RunAgain(now + self.old))
    }
}
