//! The numbers that are exported to collectors, under the names of Rafiki 2.4.
//!
//! It does not count by itself: counts are those of [`crate::metrics`], counted a second time. Amounts and times come
//! from [`Probes`].

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

/// The most amounts that wait for their conversion. Further amounts are dropped, so that no packet waits for a
/// collector.
const WAITING_MAX: usize = 4096;

/// A count that Rafiki 2.4 has too: our name, the label that selects it, and its name there.
pub(crate) type Renamed = (&'static str, (&'static str, &'static str), &'static str);

/// Everything that one instance exports.
pub(crate) struct Exported {
    provider: SdkMeterProvider,
    meter: Meter,
    /// The name of the instance. Every number carries it.
    source: KeyValue,
    counts: &'static [Renamed],
    pub(crate) probes: Probes,
}

impl Exported {
    /// Makes the exported numbers of `instance`, including `counts`, and the queue of amounts to convert.
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
        let stages = Stage::ALL.map(|stage| meter.f64_histogram(stage.name()).with_unit("ms").build());
        let probes = Probes(Some(Arc::new(Told { sender, times, stages, source: source.clone() })));
        (Self { provider, meter, source, counts, probes }, amounts)
    }

    /// Sends the numbers that were not sent yet. Blocks.
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

/// Counts for Prometheus, and for collectors where Rafiki 2.4 has a name.
pub(crate) struct Both<'a> {
    pub(crate) own: &'a PrometheusRecorder,
    pub(crate) exported: &'a Exported,
}

/// One count that is kept in two places.
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

/// Whether collectors get the durations of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketTimes {
    /// Collectors get them.
    Told,
    /// Collectors do not get them.
    Untold,
}

/// Exports amounts and times to collectors. Without a configured collector it does nothing and costs nothing.
#[derive(Clone, Default)]
pub struct Probes(Option<Arc<Told>>);

struct Told {
    sender: mpsc::Sender<Moved>,
    times: Option<ToldHistogram<f64>>,
    /// In the order of [`Stage::ALL`].
    stages: [ToldHistogram<f64>; 4],
    source: KeyValue,
}

/// A stage of the work on a packet whose duration collectors get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Finding the local receiver that a packet's address names.
    DecodeTag,
    /// What happens to a packet while its money is held, and the decision of a local receiver.
    UnderHold,
    /// A batch of transfers, in a ledger in a database.
    SqlTransfer,
    /// A batch of transfers, in a TigerBeetle cluster.
    TigerBeetleTransfer,
}

impl Stage {
    const ALL: [Self; 4] = [Self::DecodeTag, Self::UnderHold, Self::SqlTransfer, Self::TigerBeetleTransfer];

    /// The name in Rafiki 2.4.
    const fn name(self) -> &'static str {
        match self {
            Self::DecodeTag => "create_stream_address_middleware_decode_tag",
            Self::UnderHold => "balance_middleware_next",
            Self::SqlTransfer => "psql_create_transfer_ms",
            Self::TigerBeetleTransfer => "tb_create_transfer_ms",
        }
    }
}

/// An amount to export.
enum Moved {
    Packet(Asset, u64),
    Fee(Asset, u64),
}

thread_local! {
    static OF_THIS_ROLE: RefCell<Probes> = const { RefCell::new(Probes(None)) };
}

impl Probes {
    /// The probes of the role that is created inside [`crate::Metrics::gather`]. Elsewhere the probes do nothing.
    pub fn of_this_role() -> Self {
        OF_THIS_ROLE.with(|probes| probes.borrow().clone())
    }

    /// Makes these the probes of the role while `build` runs.
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

    /// An outgoing payment was completed, and `fee` of `asset` was kept.
    pub fn fee_kept(&self, asset: &Asset, fee: u64) {
        self.tell(|| Moved::Fee(asset.clone(), fee));
    }

    fn tell(&self, moved: impl FnOnce() -> Moved) {
        if let Some(told) = &self.0 {
            // A full queue means that the conversion is too slow. Then some amounts are dropped.
            let _ = told.sender.try_send(moved());
        }
    }

    /// Whether collectors get anything.
    pub fn lead_anywhere(&self) -> bool {
        self.0.is_some()
    }

    /// Measures the time of a stage until the returned value is dropped, if collectors get anything.
    pub fn stage(&self, stage: Stage) -> StageTimer<'_> {
        StageTimer(self.0.as_deref().map(|told| (told, Stopwatch::start(), stage)))
    }

    /// Measures the time until the returned value is dropped, if collectors get durations.
    pub fn packet(&self) -> PacketTimer {
        let told = self.0.as_ref().filter(|told| told.times.is_some());
        PacketTimer(told.map(|told| (told.clone(), Stopwatch::start(), "unknown")))
    }
}

/// Measures the duration of a stage.
#[must_use]
pub struct StageTimer<'a>(Option<(&'a Told, Stopwatch, Stage)>);

impl Drop for StageTimer<'_> {
    fn drop(&mut self) {
        let Some((told, watch, stage)) = &self.0 else { return };
        let millis = watch.elapsed().as_secs_f64() * 1000.0;
        for (other, histogram) in Stage::ALL.iter().zip(&told.stages) {
            if other == stage {
                histogram.record(millis, std::slice::from_ref(&told.source));
            }
        }
    }
}

/// Measures the duration of a packet.
#[must_use]
pub struct PacketTimer(Option<(Arc<Told>, Stopwatch, &'static str)>);

impl PacketTimer {
    /// Sets the kind of the packet, once it is known.
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

/// Converts amounts to dollars.
#[async_trait::async_trait]
pub trait Worth: Send + Sync {
    /// The worth of `amount` of `asset` in ten-thousandths of a dollar, if it is known.
    async fn in_dollars(&self, asset: &Asset, amount: u64) -> Option<u64>;
}

/// The amounts that wait for export. They are converted here, so that packets do not wait for a conversion.
pub struct Amounts {
    receiver: mpsc::Receiver<Moved>,
    packets: ToldCounter<u64>,
    fees: ToldCounter<u64>,
    source: KeyValue,
}

impl Amounts {
    /// Converts and exports amounts until the role ends. An amount without a known worth is not exported.
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
