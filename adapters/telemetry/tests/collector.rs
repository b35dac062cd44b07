//! What a collector is told: a stand-in that speaks OTLP over gRPC takes numbers and traces and decodes them.
//! The numbers themselves are tested beside the code.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Entropy;
use collector::Collector;
use money::Asset;
use telemetry::metrics::{Collectors, OUTGOING_PAYMENTS, PACKETS_FULFILLED, PACKETS_PREPARED, PACKETS_REJECTED};
use telemetry::{LogFormat, Metrics, PacketTimes, Probes, Stage, Traces, Worth, payment_span};
use tracing::Instrument;
use uuid::Uuid;

/// A cent is worth a hundred ten-thousandths of a dollar; of other assets nothing is known.
struct Dollars;

#[async_trait::async_trait]
impl Worth for Dollars {
    async fn in_dollars(&self, asset: &Asset, amount: u64) -> Option<u64> {
        (asset.code.as_str() == "USD").then_some(amount * 100)
    }
}

/// No noise: the middle of all random numbers.
#[derive(Debug)]
struct Middle;

impl Entropy for Middle {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        if let Some(last) = bytes.last_mut() {
            *last = 0x80;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_originals_numbers_and_only_the_size_of_amounts() {
    let collector = Collector::listen().await;
    let collectors = |packet_times| Collectors {
        instance: "BANK".to_owned(),
        urls: vec![collector.url.clone()],
        interval: Duration::from_hours(1),
        packet_times,
    };
    let (metrics, amounts) = Metrics::told_to(&collectors(PacketTimes::Told)).unwrap();
    let (probes, counters) = metrics.gather(|| {
        let counter = |name: &'static str, direction: &'static str| metrics::counter!(name, "direction" => direction);
        let counters = [
            counter(PACKETS_PREPARED, "outgoing"),
            counter(PACKETS_FULFILLED, "outgoing"),
            counter(PACKETS_REJECTED, "outgoing"),
            metrics::counter!(OUTGOING_PAYMENTS, "state" => "completed"),
            counter(PACKETS_PREPARED, "incoming"),
        ];
        (Probes::of_this_role(), counters)
    });
    for (counter, count) in counters.iter().zip([3, 2, 1, 1, 40]) {
        counter.increment(count);
    }
    let usd = Asset::new("USD", 2).unwrap();
    probes.packet_fulfilled(&usd, 70);
    probes.packet_fulfilled(&usd, 300);
    probes.packet_fulfilled(&Asset::new("XYZ", 2).unwrap(), 300);
    probes.fee_kept(&usd, 3);
    let mut packet = probes.packet();
    packet.is("outgoing_payment");
    drop(packet);
    drop(probes.packet());
    assert!(probes.lead_anywhere());
    for stage in [Stage::DecodeTag, Stage::UnderHold, Stage::UnderHold, Stage::SqlTransfer, Stage::TigerBeetleTransfer]
    {
        drop(probes.stage(stage));
    }

    let text = metrics.render();
    assert!(text.contains("rafiki_packets_prepared_total{direction=\"outgoing\"} 3\n"), "{text}");
    drop((probes, counters));
    let told = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Handle::current();
        // The queue ends with the last that tells.
        let worked = runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(1), amounts.work(&Dollars, &Middle)).await });
        assert!(worked.is_err(), "the role is still there");
        metrics.flush();
    });
    told.await.unwrap();
    let expected = [
        ("balance_middleware_next", 2),
        ("create_stream_address_middleware_decode_tag", 1),
        ("psql_create_transfer_ms", 1),
        ("tb_create_transfer_ms", 1),
        ("ilp_prepare_packet_processing_ms outgoing_payment", 1),
        ("ilp_prepare_packet_processing_ms unknown", 1),
        // 0.70 and 3.00 dollars, as the edges of their buckets.
        ("packet_amount_fulfill", 5_000 + 40_000),
        ("packet_count_fulfill", 2),
        ("packet_count_prepare", 3),
        ("packet_count_reject", 1),
        ("transaction_fee_amounts", 300),
        ("transactions_total", 1),
    ];
    let expected = expected.map(|(name, number)| (name.to_owned(), number));
    assert_eq!(collector.numbers("BANK"), BTreeMap::from(expected));

    let (untold, _amounts) = Metrics::told_to(&collectors(PacketTimes::Untold)).unwrap();
    let probes = untold.gather(Probes::of_this_role);
    let mut packet = probes.packet();
    packet.is("routing");
    drop((packet, probes));
    tokio::task::spawn_blocking(move || untold.flush()).await.unwrap();
    assert_eq!(collector.numbers("BANK").get("ilp_prepare_packet_processing_ms routing"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_steps_of_a_payment_are_one_trace_that_bears_its_id() {
    let collector = Collector::listen().await;
    let traces = Traces::to("BANK", std::slice::from_ref(&collector.url)).unwrap();
    telemetry::start_with_traces("info", LogFormat::Text, &traces).unwrap();
    let payment = Uuid::from_u128(0xc2d6_b0e6_f3a4_a8e9_e5b1_f6f3_f0a7_d11e);
    for step in ["payment.fund", "payment.send"] {
        let fee = async {
            let packet = tracing::trace_span!(target: telemetry::PACKETS, "ilp.packet");
            async {
                tracing::trace_span!(target: telemetry::PACKETS, "ilp.fx").in_scope(|| tracing::info!("a secret"));
            }
            .instrument(packet)
            .await;
        };
        fee.instrument(payment_span(step, payment)).await;
    }
    tracing::info_span!(target: "h2::client", "connection").in_scope(|| {});
    tokio::task::spawn_blocking(move || traces.flush()).await.unwrap();

    assert!(!collector.heard_of("a secret"), "lines of the log are no business of a collector");
    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.trace_id == payment.as_bytes()), "{spans:?}");
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ilp.fx", "ilp.fx", "ilp.packet", "ilp.packet", "payment.fund", "payment.send"]);
    let parent = |name: &str| {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        spans.iter().find(|other| other.span_id == span.parent_span_id).map(|other| other.name.as_str())
    };
    assert_eq!((parent("ilp.fx"), parent("ilp.packet").is_some()), (Some("ilp.packet"), true));
}

#[test]
fn without_a_collector_probes_lead_nowhere_and_no_span_is_made() {
    let probes = Metrics::new().gather(Probes::of_this_role);
    probes.fee_kept(&Asset::new("USD", 2).unwrap(), 1);
    drop(probes.packet());
    telemetry::start("info", LogFormat::Text).unwrap();
    assert!(payment_span("payment.send", Uuid::from_u128(1)).is_disabled());
    assert!(tracing::trace_span!(target: telemetry::PACKETS, "ilp.packet").is_disabled());
}
