//! The data that a collector gets about a payment: numbers of both institutions, and one trace.
//!
//! The telemetry crate tests the format. These tests cover the whole way from the payment to the collector.

use collector::{Collector, Span};
use uuid::Uuid;

use crate::institutions::{Institutions, Side, Storage};

fn children<'a>(spans: &'a [Span], parent: &Span) -> Vec<&'a str> {
    let mut children: Vec<_> = spans.iter().filter(|span| span.parent_span_id == parent.span_id).collect();
    children.sort_by_key(|span| span.start_time_unix_nano);
    children.into_iter().map(|span| span.name.as_str()).collect()
}

#[test]
fn a_collector_hears_of_a_payment_in_numbers_and_in_one_trace() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let collector = runtime.block_on(Collector::listen());
    let variables = [
        ("ENABLE_TELEMETRY", "true"),
        ("OPEN_TELEMETRY_COLLECTOR_URLS", collector.url.as_str()),
        ("ENABLE_TELEMETRY_TRACES", "true"),
        ("OPEN_TELEMETRY_TRACE_COLLECTOR_URLS", collector.url.as_str()),
    ];
    let mut two = Institutions::start_with(Storage::Sqlite, &variables).unwrap();
    let (from, to) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "pfry"));
    let paid = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    let payment: Uuid = paid.json["outgoingPayment"]["id"].as_str().unwrap().parse().unwrap();
    // The remaining data is sent at the end.
    assert_eq!([Side::CloudNine, Side::HappyLife].map(|side| two.stop(side)), [Some(0), Some(0)]);

    let payer = collector.numbers("CLOUD-NINE");
    let of = |name: &str| payer.get(name).copied().unwrap_or_default();
    assert_eq!(of("transactions_total"), 1, "{payer:?}");
    assert_eq!(of("transaction_fee_amounts"), 12_000, "1.20 dollars: {payer:?}");
    assert!(of("packet_count_prepare") >= 1 && of("packet_count_fulfill") >= 1, "{payer:?}");
    assert!(of("packet_amount_fulfill") >= 1_250, "{payer:?}");
    assert!(of("ilp_prepare_packet_processing_ms outgoing_payment") >= 1, "{payer:?}");
    let payee = collector.numbers("HAPPY-LIFE");
    for numbers in [&payer, &payee] {
        for stage in
            ["create_stream_address_middleware_decode_tag", "balance_middleware_next", "psql_create_transfer_ms"]
        {
            assert!(numbers.get(stage).is_some_and(|count| *count >= 1), "{stage}: {numbers:?}");
        }
    }
    assert!(payee.contains_key("ilp_prepare_packet_processing_ms incoming_payment"), "{payee:?}");
    assert_eq!(payee.get("transactions_total").copied().unwrap_or_default(), 0, "{payee:?}");

    // Nothing of what was sent is a secret: no span, no number, and no attribute of them.
    let mut secrets = Vec::new();
    for side in [Side::CloudNine, Side::HappyLife] {
        for role in ["backend", "auth", "wallet"] {
            let file = two.data_dir().join(side.slug()).join(format!("{role}.env"));
            let text = std::fs::read_to_string(file).unwrap();
            let is_secret = |name: &str| name.contains("SECRET") || name.contains("COOKIE_KEY");
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            secrets.extend(
                pairs.filter(|(name, _)| is_secret(name)).map(|(_, value)| value.trim_matches(['"', '\'']).to_owned()),
            );
        }
    }
    // The tokens of peers, and how tokens and signatures are shown.
    secrets.extend(["happy-to-cloud-nine", "cloud-nine-to-happy", "GNAP ", "Bearer ", "sig1="].map(str::to_owned));
    assert!(collector.heard_of("payment.send"), "this would find a text");
    for secret in secrets {
        assert!(!secret.is_empty() && !collector.heard_of(&secret), "{secret:?} was sent to the collector");
    }

    let spans = collector.spans();
    let of_payment: Vec<Span> = spans.iter().filter(|span| span.trace_id == payment.as_bytes()).cloned().collect();
    for step in ["payment.create", "payment.fund", "payment.send"] {
        assert!(of_payment.iter().any(|span| span.name == step), "{step} is missing in the trace of the payment");
    }
    let stages = ["ilp.auth", "ilp.agreement", "ilp.fx", "ilp.account", "ilp.misc"];
    let packets = |spans: &[Span]| spans.iter().filter(|span| span.name == "ilp.packet").cloned().collect::<Vec<_>>();
    let sent = packets(&of_payment);
    assert!(sent.iter().any(|packet| children(&of_payment, packet) == stages), "{of_payment:?}");
    let arrived = packets(&spans);
    let from_peers: Vec<_> = arrived.iter().filter(|packet| !sent.contains(packet)).collect();
    assert!(from_peers.iter().any(|packet| children(&spans, packet) == stages), "{from_peers:?}");
}
