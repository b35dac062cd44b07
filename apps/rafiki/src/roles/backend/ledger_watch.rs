//! Watches the stored ledger while the backend runs, and reports faults to the operator.
//!
//! An alarm is a line in the log, a metric, a line in the health document and an event. It stops nothing: the operator
//! decides whether payments go on.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Stopwatch, Timestamp};
use ledger_verify::{Alarm, AlarmKind, ConservationMonitor, Scan, TotalsMonitor, VerifyError};
use metrics::{Counter, Gauge};
use operator_api::{LedgerHealth, Watching};
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{TenantId, WebhookEventId};
use payments_store::{Error, Store};
use serde_json::json;
use telemetry::metrics as names;
use webhooks::{Audience, Webhooks};

use crate::failure::Failure;
use crate::ledger_place::LedgerPlace;
use crate::roles::shared_deps::SharedDeps;

/// The share of one processor that scanning may use: one part of this many.
const SHARE: u32 = 5;
/// How soon at the latest the recording of a failed event is repeated.
const RECORD_AGAIN: Duration = Duration::from_secs(10);

/// Scans the ledger and reports faults.
pub(crate) struct LedgerWatch {
    monitor: Monitor,
    period: Duration,
    health: LedgerHealth,
    counts: Counts,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
}

/// Records alarms as events.
pub(crate) struct Outbox {
    pub(crate) store: Store,
    pub(crate) webhooks: Webhooks,
    pub(crate) operator: TenantId,
}

/// The monitor of the configured engine.
#[derive(Debug)]
pub(crate) enum Monitor {
    /// The stored journal of a SQL engine.
    Journal(Box<ConservationMonitor>),
    /// The sums of a cluster, over a session of its own.
    Totals(TotalsMonitor),
}

impl Monitor {
    /// The monitor of the configured ledger; `None` if there is nothing to watch or it is switched off.
    pub(crate) async fn open(config: &config::Backend) -> Result<Option<Self>, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::start("the ledger monitor", error);
        if config.ledger_monitor_interval.is_none() {
            return Ok(None);
        }
        match LedgerPlace::of(config) {
            LedgerPlace::Database(url) => match ConservationMonitor::new(&url) {
                Err(VerifyError::InMemory) => Ok(None),
                opened => opened.map(|monitor| Some(Self::Journal(Box::new(monitor)))).map_err(|error| failed(&error)),
            },
            LedgerPlace::Cluster(cluster) => {
                let ledger = cluster.join().await.map_err(|error| failed(&error))?;
                Ok(Some(Self::Totals(TotalsMonitor::new(Arc::new(ledger)))))
            }
        }
    }

    async fn scan(&mut self) -> Result<Scan, VerifyError> {
        match self {
            Self::Journal(monitor) => monitor.scan().await,
            Self::Totals(monitor) => monitor.scan().await,
        }
    }
}

impl LedgerWatch {
    /// A watch that scans with `monitor`, if the configuration enables one.
    pub(crate) fn new(
        config: &config::Backend,
        monitor: Option<Monitor>,
        outbox: Outbox,
        health: LedgerHealth,
        deps: &SharedDeps,
    ) -> Option<Self> {
        let (period, monitor) = config.ledger_monitor_interval.zip(monitor)?;
        let (counts, clock) = (Counts::default(), Arc::clone(&deps.clock));
        Some(Self { monitor, period, health, counts, outbox, clock })
    }

    /// Scans until `stop` resolves.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&mut self) {
        let mut untold = Vec::new();
        loop {
            let stopwatch = Stopwatch::start();
            let scanned = self.monitor.scan().await;
            let took = stopwatch.elapsed();
            let behind = scanned.as_ref().is_ok_and(|scan| scan.behind);
            untold.extend(self.note(scanned, took));
            self.tell(&mut untold).await;
            let period = if untold.is_empty() { self.period } else { self.period.min(RECORD_AGAIN) };
            let rest = took * (SHARE - 1);
            tokio::time::sleep(if behind { rest.min(period) } else { rest.max(period) }).await;
        }
    }

    /// Counts a scan and updates the health document. Returns the new alarms.
    fn note(&self, scanned: Result<Scan, VerifyError>, took: Duration) -> Vec<(Timestamp, Alarm)> {
        let now = self.clock.now();
        let scan = match scanned {
            Ok(scan) => scan,
            Err(error) => {
                tracing::warn!(%error, "the ledger could not be scanned");
                self.counts.looks_failed.increment(1);
                self.health.scanned(Watching::Failing { reason: error.to_string() }, now, &[]);
                return Vec::new();
            }
        };
        let watching = if scan.watched_elsewhere { Watching::Elsewhere } else { Watching::Here };
        self.counts.count(&scan, now, took);
        for alarm in &scan.alarms {
            tracing::error!(alarm.id = %alarm.id, alarm.kind = alarm.kind.as_str(), reason = alarm.reason,
                "ALERT the stored ledger differs from what was written; run `rafiki ledger verify`");
        }
        let known = self.health.scanned(watching, now, &scan.alarms);
        self.counts.faults.set(f64::from(u32::try_from(known).unwrap_or(u32::MAX)));
        scan.alarms.into_iter().map(|alarm| (now, alarm)).collect()
    }

    /// Records an event for each alarm. Those that fail stay in the list.
    async fn tell(&self, untold: &mut Vec<(Timestamp, Alarm)>) {
        while let Some((found_at, alarm)) = untold.last() {
            match self.outbox.record(alarm, *found_at).await {
                Ok(()) => {
                    untold.pop();
                }
                Err(error) => {
                    tracing::error!(%error, alarm.id = %alarm.id, "the event of a ledger alarm was not recorded; it is tried again");
                    return;
                }
            }
        }
    }
}

impl Outbox {
    /// The event has the fault's id. So a fault that is found again, by any process, makes no second event.
    pub(crate) async fn record(&self, alarm: &Alarm, found_at: Timestamp) -> Result<(), Error> {
        let event = WebhookEvent {
            id: WebhookEventId::from_uuid(alarm.id),
            event_type: EventType::LedgerAlarm,
            tenant_id: self.operator,
            data: json!({
                "id": alarm.id,
                "kind": alarm.kind.as_str(),
                "reason": alarm.reason,
                "detectedAt": found_at,
            }),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: found_at,
        };
        let unit = self.store.begin().await?;
        self.webhooks.record_once(&unit, &event, &Audience::tenant(self.operator)).await?;
        unit.commit().await
    }
}

/// The metrics of the watch.
struct Counts {
    alarms: [(AlarmKind, Counter); AlarmKind::ALL.len()],
    faults: Gauge,
    watching: Gauge,
    looks_failed: Counter,
    last_look: Gauge,
    look_duration: Gauge,
    new_entries: Counter,
    past_entries: Counter,
    accounts: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        let alarm = |kind: AlarmKind| (kind, metrics::counter!(names::LEDGER_ALARMS, "kind" => kind.as_str()));
        let entries = |part: &'static str| metrics::counter!(names::LEDGER_ENTRIES_CHECKED, "part" => part);
        Self {
            alarms: AlarmKind::ALL.map(alarm),
            faults: metrics::gauge!(names::LEDGER_FAULTS),
            watching: metrics::gauge!(names::LEDGER_WATCHING),
            looks_failed: metrics::counter!(names::LEDGER_LOOKS_FAILED),
            last_look: metrics::gauge!(names::LEDGER_LAST_LOOK_SECONDS),
            look_duration: metrics::gauge!(names::LEDGER_LOOK_SECONDS),
            new_entries: entries("new"),
            past_entries: entries("past"),
            accounts: metrics::counter!(names::LEDGER_ACCOUNTS_CHECKED),
        }
    }
}

impl Counts {
    fn count(&self, scan: &Scan, now: Timestamp, took: Duration) {
        self.watching.set(if scan.watched_elsewhere { 0.0 } else { 1.0 });
        if !scan.watched_elsewhere {
            self.last_look.set(Duration::from_millis(now.as_millis().unsigned_abs()).as_secs_f64());
            self.look_duration.set(took.as_secs_f64());
        }
        self.new_entries.increment(scan.new_entries);
        self.past_entries.increment(scan.old_entries);
        self.accounts.increment(scan.accounts);
        for alarm in &scan.alarms {
            if let Some((_, counter)) = self.alarms.iter().find(|(kind, _)| *kind == alarm.kind) {
                counter.increment(1);
            }
        }
    }
}
