//! The numbers that are told to collectors, under the names of Rafiki 2.4.
//!
//! Counts are those of [`crate::metrics`], counted a second time. Amounts and times are told by [`Probes`].

use std::cell::RefCell;
use std::sync::Arc;

use clock::{Entropy, Stopwatch};
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::PrometheusRecorder;
use money::Asset;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter as ToldCounter, Histogram as ToldHistogram, Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tokio::sync::mpsc;

use crate::privacy;

/// How many amounts wait for their conversion. More are not told; nothing waits for a collector.
const WAITING_MAX: usize = 4096;

/// A count of ours that Rafiki 2.4 has too: our name, the label that selects, and its name.
pub(crate) type Renamed = (&'static str, (&'static str, &'static str), &'static str);

/// Everything that one instance tells.
pub(crate) struct Exported {
    provider: SdkMeterProvider,
    meter: Meter,
    /// Every number carries it.
    source: KeyValue,
    counts: &'static [Renamed],
    pub(crate) probes: Probes,
}

impl Exported {
    /// The numbers of `instance`, `counts` among them, and the amounts that wait for their conversion.
    pub(crate) fn new(
        provider: SdkMeterProvider,
        instance: &str,
        counts: &'static [Renamed],
        times: PacketTimes,
    ) -> (Self, Amounts) {
        let meter = provider.meter("Rafiki");
        let source = KeyValue::new("source", instance.to_owned());
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let amounts = Amounts {
            receiver,
            packets: meter.u64_counter("packet_amount_fulfill").build(),
            fees: meter.u64_counter("transaction_fee_amounts").build(),
            source: source.clone(),
        };
        let times = match times {
            PacketTimes::Told => Some(meter.f64_histogram("ilp_prepare_packet_processing_ms").with_unit("ms").build()),
            PacketTimes::Untold => None,
        };
        let probes = Probes(Some(Arc::new(Told { sender, times, source: source.clone() })));
        (Self { provider, meter, source, counts, probes }, amounts)
    }

    /// Tells what was not told yet. Blocks.
    pub(crate) fn flush(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last numbers did not reach every collector");
        }
    }

    fn told(&self, key: &Key) -> Option<ToldCounter<u64>> {
        let has = |(name, value): (&str, &str)| key.labels().any(|label| label.key() == name && label.value() == value);
        let (_, _, name) = self.counts.iter().find(|(name, label, _)| *name == key.name() && has(*label))?;
        Some(self.meter.u64_counter(*name).build())
    }
}

/// Counts for Prometheus, and what has a name of Rafiki 2.4 for collectors too.
pub(crate) struct Both<'a> {
    pub(crate) own: &'a PrometheusRecorder,
    pub(crate) exported: &'a Exported,
}

/// One count in two places.
struct Twice {
    own: Counter,
    told: ToldCounter<u64>,
    source: KeyValue,
}

impl CounterFn for Twice {
    fn increment(&self, value: u64) {
        self.own.increment(value);
        self.told.add(value, std::slice::from_ref(&self.source));
    }

    fn absolute(&self, value: u64) {
        self.own.absolute(value);
    }
}

impl Recorder for Both<'_> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.own.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.own.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.own.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let own = self.own.register_counter(key, metadata);
        match self.exported.told(key) {
            Some(told) => Counter::from_arc(Arc::new(Twice { own, told, source: self.exported.source.clone() })),
            None => own,
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.own.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.own.register_histogram(key, metadata)
    }
}

/// Whether collectors are told how long packets take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketTimes {
    /// They are.
    Told,
    /// They are not.
    Untold,
}

/// Tells collectors amounts and times. Leads nowhere, and costs nothing, unless a collector is configured.
#[derive(Clone, Default)]
pub struct Probes(Option<Arc<Told>>);

struct Told {
    sender: mpsc::Sender<Moved>,
    times: Option<ToldHistogram<f64>>,
    source: KeyValue,
}

/// An amount that is to be told.
enum Moved {
    Packet(Asset, u64),
    Fee(Asset, u64),
}

thread_local! {
    static OF_THIS_ROLE: RefCell<Probes> = const { RefCell::new(Probes(None)) };
}

impl Probes {
    /// Those of the role that is put together inside [`crate::Metrics::gather`]; elsewhere they lead nowhere.
    pub fn of_this_role() -> Self {
        OF_THIS_ROLE.with(|probes| probes.borrow().clone())
    }

    /// While `build` runs, these are those of the role.
    pub(crate) fn during<T>(&self, build: impl FnOnce() -> T) -> T {
        let before = OF_THIS_ROLE.with(|probes| probes.replace(self.clone()));
        let built = build();
        OF_THIS_ROLE.with(|probes| probes.replace(before));
        built
    }

    /// A packet of an own payment was fulfilled for `amount` of `asset`.
    pub fn packet_fulfilled(&self, asset: &Asset, amount: u64) {
        self.tell(|| Moved::Packet(asset.clone(), amount));
    }

    /// An outgoing payment was completed; `fee` of `asset` was kept.
    pub fn fee_kept(&self, asset: &Asset, fee: u64) {
        self.tell(|| Moved::Fee(asset.clone(), fee));
    }

    fn tell(&self, moved: impl FnOnce() -> Moved) {
        if let Some(told) = &self.0 {
            // A full queue means that amounts are converted too slowly; then some are not told.
            let _ = told.sender.try_send(moved());
        }
    }

    /// Measures a packet until it is dropped, if that is told.
    pub fn packet(&self) -> PacketTimer {
        let told = self.0.as_ref().filter(|told| told.times.is_some());
        PacketTimer(told.map(|told| (told.clone(), Stopwatch::start(), "unknown")))
    }
}

/// How long a packet takes.
#[must_use]
pub struct PacketTimer(Option<(Arc<Told>, Stopwatch, &'static str)>);

impl PacketTimer {
    /// What the packet turned out to be.
    pub fn is(&mut self, operation: &'static str) {
        if let Some((.., of)) = &mut self.0 {
            *of = operation;
        }
    }
}

impl Drop for PacketTimer {
    fn drop(&mut self) {
        let Some((told, watch, operation)) = &self.0 else { return };
        if let Some(times) = &told.times {
            let millis = watch.elapsed().as_secs_f64() * 1000.0;
            times.record(millis, &[told.source.clone(), KeyValue::new("operation", *operation)]);
        }
    }
}

/// Knows what amounts are worth.
#[async_trait::async_trait]
pub trait Worth: Send + Sync {
    /// The worth of `amount` of `asset` in ten-thousandths of a dollar, if it is known.
    async fn in_dollars(&self, asset: &Asset, amount: u64) -> Option<u64>;
}

/// Amounts on their way to collectors. They are converted here, away from the packets.
pub struct Amounts {
    receiver: mpsc::Receiver<Moved>,
    packets: ToldCounter<u64>,
    fees: ToldCounter<u64>,
    source: KeyValue,
}

impl Amounts {
    /// Converts and tells amounts until the role is gone. What has no known worth is not told.
    pub async fn work(mut self, worth: &dyn Worth, entropy: &dyn Entropy) {
        let source = [self.source.clone()];
        while let Some(moved) = self.receiver.recv().await {
            match moved {
                Moved::Packet(asset, amount) => {
                    if let Some(dollars) = worth.in_dollars(&asset, amount).await {
                        self.packets.add(privacy::hidden(dollars, entropy), &source);
                    }
                }
                Moved::Fee(asset, fee) => {
                    if let Some(dollars) = worth.in_dollars(&asset, fee).await {
                        self.fees.add(dollars, &source);
                    }
                }
            }
        }
    }
}
