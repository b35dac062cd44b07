//! Removing events, deliveries and attempts that are older than they are kept.
//!
//! Every run is bounded. What somebody is still to be told of, or whose money was not withdrawn, is kept.

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

/// How many rows of a kind one run removes or looks at.
const AT_ONCE: u64 = 200;
const BETWEEN_RUNS: Duration = Duration::from_secs(1);
const BETWEEN_WALKS: Duration = Duration::from_hours(1);

/// How long things are kept; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Events with their deliveries.
    pub events: Option<Duration>,
    /// Attempts.
    pub attempts: Option<Duration>,
}

/// Removes what is old; the handler of [`PURGE_QUEUE`].
#[derive(Clone)]
pub struct Purger {
    /// Where events are.
    pub store: Store,
    /// Where their money is.
    pub ledger: Arc<dyn Ledger>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How long they are kept.
    pub kept: Kept,
}

/// What the job goes out from.
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
    /// Has the queue's worker begin, unless it is at work already.
    pub async fn begin(&self) -> Result<(), Error> {
        let unit = self.store.begin().await?;
        jobs::enqueue(unit.transaction(), walk_on(Walk::default(), self.clock.now()))?;
        unit.commit().await
    }

    async fn purge(&self, walk: Walk) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut more = false;
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

    /// Removes the old ones of the next events; where to go on, `None` at the end.
    async fn purge_events(&self, place: PurgePlace, before: Timestamp) -> Result<Option<PurgePlace>, Failure> {
        let page = self.store.every_tenant().events_behind(place, AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        // The events of a tenant are in the order of time: behind the first that is kept all are.
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

    /// Those about which nothing is left to do.
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
