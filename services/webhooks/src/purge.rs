//! Removes events, deliveries and attempts that are older than their retention time, and the clear values of peers'
//! tokens that an import kept for a trial period.
//!
//! Every run is bounded. It does not remove an event that still has a pending delivery or money to withdraw.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Timestamp};
use jobs::{Backoff, Done, Failure, Handler, Job, NewJob, WorkerSettings};
use ledger::{AccountId, Ledger};
use payments_model::WebhookEventId;
use payments_store::{Error, OldEvent, PurgePlace, Store};
use serde::{Deserialize, Serialize};

/// The queue of the one job that purges.
pub const PURGE_QUEUE: &str = "webhook purge";
const KEY: &str = "purge";

/// The most rows of one kind that a run reads or removes.
const AT_ONCE: u64 = 200;
const BETWEEN_RUNS: Duration = Duration::from_secs(1);
const BETWEEN_WALKS: Duration = Duration::from_hours(1);

/// The retention times; `None` means for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// For events and their deliveries.
    pub events: Option<Duration>,
    /// For attempts.
    pub attempts: Option<Duration>,
}

/// Removes old rows. It is the handler of [`PURGE_QUEUE`].
#[derive(Clone)]
pub struct Purger {
    /// Holds the events.
    pub store: Store,
    /// Holds the money of the events.
    pub ledger: Arc<dyn Ledger>,
    /// Gives the time.
    pub clock: Arc<dyn Clock>,
    /// The retention times.
    pub kept: Kept,
}

/// The state that the job carries between runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Walk {
    place: PurgePlace,
}

/// How the worker of [`PURGE_QUEUE`] works.
pub fn purge_settings() -> WorkerSettings {
    let backoff = Backoff { step: Duration::from_mins(1), most_steps: 10 };
    WorkerSettings { concurrency: 1, backoff, ..WorkerSettings::default() }
}

impl Purger {
    /// Starts the work of the queue, unless it has been started before.
    pub async fn begin(&self) -> Result<(), Error> {
        let unit = self.store.begin().await?;
        jobs::enqueue(unit.transaction(), walk_on(Walk::default(), self.clock.now()))?;
        unit.commit().await
    }

    async fn purge(&self, walk: Walk) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut more = false;
        self.store.forget_kept_peer_tokens(now).await?;
        if let Some(kept) = self.kept.attempts {
            let unit = self.store.begin().await?;
            let removed = unit.every_tenant().remove_attempts(now - kept, AT_ONCE).await?;
            unit.commit().await?;
            more |= removed == AT_ONCE;
        }
        let mut next = Walk::default();
        if let Some(kept) = self.kept.events
            && let Some(place) = self.purge_events(walk.place, now - kept).await?
        {
            next.place = place;
            more = true;
        }
        let at = now + if more { BETWEEN_RUNS } else { BETWEEN_WALKS };
        let unit = self.store.begin().await?;
        jobs::enqueue(unit.transaction(), walk_on(next, at))?;
        Ok(unit.commit().await?)
    }

    /// Removes the old events of the next page. Returns the place at which to continue, `None` at the end.
    async fn purge_events(&self, place: PurgePlace, before: Timestamp) -> Result<Option<PurgePlace>, Failure> {
        let page = self.store.every_tenant().events_behind(place, AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        // The events of a tenant are sorted by time. So if one is too new to remove, all events behind it are too.
        let (old, next) = match page.iter().position(|old| old.place.created_at() >= before) {
            Some(kept) => (&page[..kept], page[kept].place.behind_its_tenant()),
            None => (&page[..], last.place),
        };
        let over = self.over(old).await?;
        if !over.is_empty() {
            let unit = self.store.begin().await?;
            let removed = unit.every_tenant().remove_events(&over).await?;
            unit.commit().await?;
            tracing::info!(removed, "old events were purged");
        }
        Ok(Some(next))
    }

    /// The events for which nothing is left to do.
    async fn over(&self, old: &[OldEvent]) -> Result<Vec<WebhookEventId>, Failure> {
        let events: Vec<_> = old.iter().filter(|old| old.is_over).filter_map(|old| old.event.as_ref()).collect();
        let accounts: Vec<AccountId> =
            events.iter().filter_map(|event| Some(event.withdrawal.as_ref()?.account)).collect();
        let mut with_money = Vec::new();
        if !accounts.is_empty() {
            let found = self.ledger.accounts(accounts.clone()).await?;
            let holds = |account: &ledger::Account| account.credits_posted > account.debits_posted;
            let holding = accounts.into_iter().zip(found);
            with_money.extend(holding.filter(|(_, found)| found.as_ref().is_some_and(holds)).map(|(id, _)| id));
        }
        let is_kept = |account: AccountId| with_money.contains(&account);
        let over = events.iter().filter(|event| !event.withdrawal.as_ref().is_some_and(|it| is_kept(it.account)));
        Ok(over.map(|event| event.id).collect())
    }
}

fn walk_on(walk: Walk, at: Timestamp) -> NewJob<'static, Walk> {
    let NewJob { queue, key, lane, run_at, carried, if_waiting, payload: () } = NewJob::new(PURGE_QUEUE, KEY, at);
    NewJob { queue, key, lane, payload: walk, run_at, carried, if_waiting }
}

#[async_trait::async_trait]
impl Handler for Purger {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.purge(job.payload()?).await?;
        Ok(Done::Complete)
    }
}
