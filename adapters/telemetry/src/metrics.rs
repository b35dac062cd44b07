//! All metrics with their units and meanings, and the collection of one role's numbers.
//!
//! It measures nothing by itself. A service gets its handles once, while it is created inside [`Metrics::gather`]. Then
//! it only adds to them: counting looks up no name and allocates nothing. Outside of `gather`, as in most tests, the
//! handles do nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::collector::{CollectorError, meters};
use crate::exported::{Amounts, Both, Exported, PacketTimes, Renamed};

macro_rules! metrics_table {
    ($( $constant:ident = $kind:ident $name:literal: $meaning:literal; )*) => {
        $( #[doc = $meaning] pub const $constant: &str = $name; )*

        /// Every metric: name, kind and meaning.
        pub const ALL: &[(&str, &str, &str)] = &[ $( ($name, stringify!($kind), $meaning) ),* ];

        fn describe() {
            $( metrics_table!(@describe $kind $name $meaning); )*
        }
    };
    (@describe counter $name:literal $meaning:literal) => { metrics::describe_counter!($name, $meaning) };
    (@describe gauge $name:literal $meaning:literal) => { metrics::describe_gauge!($name, $meaning) };
}

// A name ends with its unit; `_total` counts events since the start of the process.
metrics_table! {
    PACKETS_PREPARED = counter "rafiki_packets_prepared_total":
        "ILP Prepares received. direction: incoming (from a peer), outgoing (of an own payment), probe (of a quote).";
    PACKETS_FULFILLED = counter "rafiki_packets_fulfilled_total":
        "ILP packets answered with a Fulfill, by direction.";
    PACKETS_REJECTED = counter "rafiki_packets_rejected_total":
        "ILP packets answered with a Reject, here or by another node, by direction. Probes of quotes always are.";
    PACKETS_UNRESOLVED = counter "rafiki_packets_unresolved_total":
        "ILP packets that have no answer yet, by direction. Their money is held, and they are sent again.";
    OUTGOING_PAYMENTS = counter "rafiki_outgoing_payments_total":
        "Outgoing payments that ended. state: completed, failed.";
    INCOMING_PAYMENTS = counter "rafiki_incoming_payments_total":
        "Incoming payments that ended with money received. state: completed, expired.";
    WEBHOOK_DELIVERIES = counter "rafiki_webhook_deliveries_total":
        "Attempts to deliver an event. result: delivered, failed (tried again), quarantined (set aside and tried more rarely), exhausted (given up).";
    JOBS = counter "rafiki_jobs_total":
        "Jobs run, by queue. result: done, failed (tried again), lost (the lease ended first, or the end could not be stored).";
    CALLS = counter "rafiki_calls_total":
        "Calls of listeners that services use, by route. status: 401 (no proof of who calls), 403 (no right), 429 (locked out), 503 (the provider of tokens is away), all others: let in.";
    LEDGER_ALARMS = counter "rafiki_ledger_alarms_total":
        "Faults found in the stored ledger, by kind. Each is counted once per process. Any value above 0 needs a person.";
    LEDGER_FAULTS = gauge "rafiki_ledger_faults":
        "Faults in the stored ledger that this process knows: 0 if the ledger is correct.";
    LEDGER_WATCHING = gauge "rafiki_ledger_watching":
        "1 if this process watches the ledger, 0 if another process does.";
    LEDGER_LOOKS_FAILED = counter "rafiki_ledger_looks_failed_total":
        "Scans of the stored ledger that failed because it could not be read.";
    LEDGER_LAST_LOOK_SECONDS = gauge "rafiki_ledger_last_look_timestamp_seconds":
        "When the last scan of the stored ledger ended, in seconds of Unix time. time() minus this value is its age.";
    LEDGER_LOOK_SECONDS = gauge "rafiki_ledger_look_duration_seconds":
        "How long the last scan of the stored ledger took, in seconds.";
    LEDGER_ENTRIES_CHECKED = counter "rafiki_ledger_entries_checked_total":
        "Journal entries checked. part: new (written since the last scan), past (read again, part by part).";
    LEDGER_ACCOUNTS_CHECKED = counter "rafiki_ledger_accounts_checked_total":
        "Accounts compared with their last journal entries and summed, part by part.";
}

/// The counts that Rafiki 2.4 has too, with their names there.
const RENAMED: [Renamed; 4] = [
    (PACKETS_PREPARED, ("direction", "outgoing"), "packet_count_prepare"),
    (PACKETS_FULFILLED, ("direction", "outgoing"), "packet_count_fulfill"),
    (PACKETS_REJECTED, ("direction", "outgoing"), "packet_count_reject"),
    (OUTGOING_PAYMENTS, ("state", "completed"), "transactions_total"),
];

/// The numbers of one role. Clones share the numbers.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    /// The export to collectors.
    exported: Option<Arc<Exported>>,
}

/// The collectors that get the numbers of a role, and the interval.
#[derive(Clone, Debug)]
pub struct Collectors {
    /// The name of the instance.
    pub instance: String,
    /// The addresses of the collectors.
    pub urls: Vec<String>,
    /// The interval between two exports.
    pub interval: Duration,
    /// Whether they get the durations of packets.
    pub packet_times: PacketTimes,
}

impl Metrics {
    /// Makes the numbers of a role, all zero.
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let gathered = Self { recorder: Arc::new(recorder), handle, exported: None };
        gathered.gather(describe);
        gathered
    }

    /// The same, with an export of the numbers of Rafiki 2.4 to these collectors. Needs a runtime.
    pub fn told_to(collectors: &Collectors) -> Result<(Self, Amounts), CollectorError> {
        let provider = meters(&collectors.instance, &collectors.urls, collectors.interval)?;
        let (exported, amounts) = Exported::new(provider, &collectors.instance, &RENAMED, collectors.packet_times);
        Ok((Self { exported: Some(Arc::new(exported)), ..Self::new() }, amounts))
    }

    /// Sends the numbers that collectors did not get yet. Blocks.
    pub fn flush(&self) {
        if let Some(exported) = &self.exported {
            exported.flush();
        }
    }

    /// Runs `build`. All handles that it creates count here.
    pub fn gather<T>(&self, build: impl FnOnce() -> T) -> T {
        match &self.exported {
            None => metrics::with_local_recorder(&*self.recorder, build),
            Some(exported) => {
                let both = Both { own: &self.recorder, exported };
                exported.probes.during(|| metrics::with_local_recorder(&both, build))
            }
        }
    }

    /// All numbers in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_counts_for_itself_and_is_rendered_with_the_meaning_of_each_number() {
        let (one, other) = (Metrics::new(), Metrics::new());
        let prepared = |direction: &'static str| metrics::counter!(PACKETS_PREPARED, "direction" => direction);
        let (mine, yours) = (one.gather(|| prepared("incoming")), other.gather(|| prepared("incoming")));
        mine.increment(3);
        yours.increment(1);
        let text = one.render();
        assert!(text.contains("rafiki_packets_prepared_total{direction=\"incoming\"} 3\n"), "{text}");
        assert!(text.contains("# HELP rafiki_packets_prepared_total ILP Prepares received."), "{text}");
        assert!(text.contains("# TYPE rafiki_packets_prepared_total counter"), "{text}");
        assert!(other.render().contains("{direction=\"incoming\"} 1\n"));
    }

    #[test]
    fn what_was_asked_for_is_shown_before_it_is_counted_for_the_first_time() {
        let metrics = Metrics::new();
        let _handles = metrics.gather(|| (metrics::counter!(LEDGER_LOOKS_FAILED), metrics::gauge!(LEDGER_FAULTS)));
        let text = metrics.render();
        assert!(text.contains("rafiki_ledger_looks_failed_total 0\n"), "{text}");
        assert!(text.contains("rafiki_ledger_faults 0\n"), "{text}");
    }

    #[test]
    fn names_follow_one_scheme_and_none_is_given_twice() {
        for (index, (name, kind, meaning)) in ALL.iter().enumerate() {
            assert!(name.starts_with("rafiki_") && !meaning.is_empty());
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{name}");
            assert!(ALL[..index].iter().all(|(other, ..)| other != name), "{name}");
        }
    }
}
