//! The vectors made by the published sender; `vectors/README.md` says how.
//! Paths that the vectors do not contain are in `sweep` and `properties`.

use crate::support::{self, End, Hop, START};
use clock::SeededEntropy;
use ilp_packet::{ErrorCode, Fulfill, Fulfillment, PacketType, Prepare, Reject, Reply};
use money::{Asset, Rate, Ratio};
use serde_json::Value;
use stream::{CloseCode, Frame, Header, ReceiptSetup, RejectStyle};
use stream_pay::{AssetProbe, Payment, PaymentError, Poll, Quote, QuoteTerms, RateBounds, RateProbe, Slippage, Target};

/// The cases of a file. The number is checked, so that a lost case is noticed.
fn cases(file: &str, count: usize) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = document["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), count, "{file}");
    cases
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

fn ratio(value: &Value) -> Ratio {
    let part = |key: &str| value[key].as_str().unwrap().parse().unwrap();
    Ratio::new(part("numerator"), part("denominator")).unwrap()
}

fn asset(value: &Value) -> Asset {
    Asset::new(value["code"].as_str().unwrap(), value["scale"].as_u64().unwrap().try_into().unwrap()).unwrap()
}

/// Hops that change as packets pass.
struct Phases(Vec<(Option<u64>, Hop)>);

impl Phases {
    fn of(value: &Value) -> Self {
        let Some(phases) = value["phases"].as_array() else { return Self(vec![(None, hop(value))]) };
        Self(phases.iter().map(|phase| (phase["packets"].as_u64(), hop(&phase["hop"]))).collect())
    }

    fn next(&mut self) -> &Hop {
        while self.0.len() > 1 && self.0[0].0 == Some(0) {
            self.0.remove(0);
        }
        let (remaining, hop) = &mut self.0[0];
        *remaining = remaining.map(|remaining| remaining.saturating_sub(1));
        hop
    }
}

fn hop(value: &Value) -> Hop {
    let part = |index: usize| value["rate"][index].as_str().unwrap().parse().unwrap();
    Hop {
        max_packet: value["maxPacket"].as_str().map(|text| text.parse().unwrap()),
        without_detail: value["detail"] == false,
        code: value["code"].as_str().map(|code| code.parse().unwrap()),
        t04_above: value["t04Above"].as_str().map(|text| text.parse().unwrap()),
        rate: value.get("rate").map(|_| Ratio::new(part(0), part(1)).unwrap()),
    }
}

fn hops(value: &Value) -> Vec<Phases> {
    value.as_array().unwrap().iter().map(Phases::of).collect()
}

fn deliver(hops: &mut [Phases], end: &mut End, packet: &[u8], now: clock::Timestamp) -> Vec<u8> {
    let prepare = Prepare::parse(packet).unwrap();
    let mut amount = prepare.amount;
    for hop in hops {
        match hop.next().pass(amount) {
            Ok(passed) => amount = passed,
            Err(reject) => return reject,
        }
    }
    end.receive(&prepare, amount, now)
}

#[test]
fn quotes_agree_with_the_reference() {
    for case in cases("pay-quotes", 43) {
        let id = case["id"].as_str().unwrap();
        let input = &case["input"];
        let expected = match (id, case["error"].as_str()) {
            // The types exclude these cases: there is no target without an amount, and no such slippage.
            ("q-notarget", Some("UnknownPaymentTarget")) => {
                assert!(input["amountToSend"].is_null() && input["amountToDeliver"].is_null());
                continue;
            }
            ("q-slip-neg", Some("InvalidSlippage")) => {
                assert!(input["slippage"].to_string().parse::<Slippage>().is_err());
                continue;
            }
            (_, error) => error,
        };
        let (quoted, probes) = quote(input);
        assert_probes(&probes, &case, id);
        if id == "q-liquidity" {
            // On a path that lacks liquidity for large probes the reference never ends. We use the amount that passes
            // (docs/differences.md).
            assert_eq!(quoted.unwrap().max_packet_amount, 1_000_000, "{id}");
            continue;
        }
        match (quoted, expected) {
            (Err(error), expected) => assert_eq!(Some(error.to_string().as_str()), expected, "{id}"),
            (Ok(quoted), None) => assert_quote(&quoted, &case["quote"], id),
            (Ok(quoted), Some(expected)) => panic!("{id}: {quoted:?} instead of {expected}"),
        }
    }
}

/// Every probe that we send is also sent by the reference, with the same outcome, or is a power of ten that the
/// reference would have sent next. The halving towards an unknown maximum uses other amounts.
fn assert_probes(probes: &[Probe], case: &Value, id: &str) {
    // The vectors leave them out if there are many.
    let Some(theirs) = case["probes"].as_array() else { return };
    for probe in probes {
        match theirs.iter().find(|theirs| number(&theirs["amount"]) == probe.amount) {
            Some(same) => assert_eq!(same["reply"].as_str(), Some(probe.reply.as_str()), "{id}: {probe:?}"),
            None if id.starts_with("q-max-imprecise") => {}
            // If 10^12 arrive as nothing, we try more (docs/differences.md).
            None if id == "q-zero-rate" => assert_eq!(probe.amount, i64::MAX.unsigned_abs()),
            None => assert!((3..=12).any(|power| probe.amount == 10u64.pow(power)), "{id}: {probe:?}"),
        }
    }
    // Until a deadline the number depends on the speed, and the vectors contain only the first ones.
    assert!(probes.len() <= theirs.len() || case["error"] == "RateProbeFailed", "{id}: {probes:?}");
}

/// A probe and the code of its reply.
#[derive(Debug)]
struct Probe {
    amount: u64,
    reply: String,
}

fn quote(input: &Value) -> (Result<Quote, PaymentError>, Vec<Probe>) {
    let mut probes = Vec::new();
    let quoted = quote_noting(input, &mut probes);
    (quoted, probes)
}

fn quote_noting(input: &Value, probes: &mut Vec<Probe>) -> Result<Quote, PaymentError> {
    let target = match (&input["amountToDeliver"], &input["amountToSend"]) {
        (Value::String(amount), _) => Target::Deliver(amount.parse().unwrap()),
        (_, amount) => Target::Send(number(amount)),
    };
    let (source, destination) = (asset(&input["sourceAsset"]), asset(&input["destinationAsset"]));
    let price = |asset: &Asset| {
        let price = input["prices"].get(asset.code.as_str())?;
        price.to_string().parse::<Rate>().ok()?.between_scales(0, 0)
    };
    let external = price(&source).zip(price(&destination)).and_then(|(from, to)| from.checked_mul(&to.reciprocal()?));
    let slippage = input["slippage"].to_string().parse().unwrap();
    let terms = QuoteTerms::new(target, &source, &destination, external, slippage)?;

    let mut end = End::new(destination, RejectStyle::ApplicationError, None, 1);
    let mut hops = hops(&input["hops"]);
    let entropy = SeededEntropy::new(2);
    let mut probe = RateProbe::new(&end.destination);
    let mut now = START;
    loop {
        match probe.poll_prepare(now, &entropy) {
            Poll::Send(packet) => {
                let prepare = Prepare::parse(&packet.packet).unwrap();
                assert!(!support::is_fulfillable(&end.keys, &prepare));
                let reply = deliver(&mut hops, &mut end, &packet.packet, now);
                probes.push(Probe { amount: prepare.amount, reply: kind(&reply) });
                probe.handle_reply(now, packet.sequence, &reply);
            }
            Poll::WaitUntil(instant) => {
                assert!(instant > now, "time has to go on");
                now = instant;
            }
            Poll::Done(path) => {
                assert_eq!(end.received, 0);
                return terms.quote(&path?);
            }
        }
    }
}

fn assert_quote(quoted: &Quote, expected: &Value, id: &str) {
    let kind = match quoted.target {
        Target::Send(_) => "FixedSend",
        Target::Deliver(_) => "FixedDelivery",
    };
    assert_eq!(kind, expected["paymentType"], "{id}");
    assert_eq!(quoted.max_source_amount, number(&expected["maxSourceAmount"]), "{id}");
    assert_eq!(quoted.min_delivery_amount, number(&expected["minDeliveryAmount"]), "{id}");
    assert_eq!(quoted.max_packet_amount, number(&expected["maxPacketAmount"]), "{id}");
    assert_eq!(quoted.rates.low(), ratio(&expected["lowEstimatedExchangeRate"]), "{id}");
    assert_eq!(quoted.rates.high(), ratio(&expected["highEstimatedExchangeRate"]), "{id}");
    // The reference calculates with floating-point numbers, and we calculate exactly. The two differ by at most one
    // part in 10^15.
    let theirs = ratio(&expected["minExchangeRate"]);
    let quotient =
        theirs.reciprocal().map_or(Ratio::ONE, |inverse| quoted.min_exchange_rate.checked_mul(&inverse).unwrap());
    let one = 1_000_000_000_000_000;
    assert!(quotient >= Ratio::new(one - 1, one).unwrap() && quotient <= Ratio::new(one + 1, one).unwrap(), "{id}");
}

/// A reply that the vectors describe in words, from a receiver that breaks the protocol.
fn scripted(described: &str, end: &End, packet: &[u8]) -> Option<Vec<u8>> {
    let prepare = Prepare::parse(packet).unwrap();
    let plaintext = end.read(&prepare);
    let request = stream::StreamPacket::parse(&plaintext).unwrap();
    let fulfillment = end.keys.fulfillment(prepare.data);
    let header =
        Header { sequence: request.sequence, ilp_packet_type: PacketType::Fulfill, prepare_amount: prepare.amount };
    let fulfill = |fulfillment: Fulfillment, data: &[u8]| Fulfill { fulfillment, data }.encode();
    let sealed = |header: Header, frames: &[Frame<'_>]| header.seal(frames, &end.keys, [3; 12]);
    Some(match described {
        "fulfill (no data)" => fulfill(fulfillment, b""),
        "fulfill (sequence+1)" => {
            fulfill(fulfillment, &sealed(Header { sequence: header.sequence + 1, ..header }, &[]))
        }
        "fulfill (claims 1)" => fulfill(fulfillment, &sealed(Header { prepare_amount: 1, ..header }, &[])),
        "fulfill (wrong preimage)" => fulfill(Fulfillment::new([9; 32]), &sealed(header, &[])),
        "fulfill (asset EUR/2)" => {
            let asset = Frame::ConnectionAssetDetails { asset_code: b"EUR", asset_scale: 2 };
            fulfill(fulfillment, &sealed(header, &[asset]))
        }
        "fulfill (receiveMax 500)" => {
            let max = Frame::StreamMaxMoney { stream_id: 1, receive_max: 500, total_received: 400 };
            fulfill(fulfillment, &sealed(header, &[max]))
        }
        "F99+ConnectionClose" => {
            let header = Header { ilp_packet_type: PacketType::Reject, ..header };
            let close = Frame::ConnectionClose { code: CloseCode::NoError, message: b"" };
            let data = sealed(header, &[close]);
            Reject::new(ErrorCode::F99ApplicationError, prepare.destination).with_data(&data).encode()
        }
        "garbage" => vec![0xff; 9],
        _ => return None,
    })
}

#[test]
fn payments_send_the_packets_the_reference_sends() {
    for case in cases("pay-traces", 28) {
        match case["id"].as_str().unwrap() {
            id @ "a-probe" => check_asset_probe(id, &case),
            id => check_trace(id, &case),
        }
    }
}

fn check_asset_probe(id: &str, case: &Value) {
    let expected_asset = asset(&case["result"]["destinationAsset"]);
    let mut end = End::new(expected_asset.clone(), RejectStyle::ApplicationError, None, 1);
    let mut probe = AssetProbe::new(end.destination.address.clone(), &end.destination.shared_secret);
    let token = end.destination.address.as_str().strip_prefix("test.receiver.").unwrap().to_owned();
    let entropy = SeededEntropy::new(2);
    for expected in case["packets"].as_array().unwrap() {
        let Poll::Send(packet) = probe.poll_prepare(START, &entropy) else { panic!("{id}: a packet is missing") };
        check_request(id, &end, &packet.packet, packet.sequence, None, expected);
        let prepare = Prepare::parse(&packet.packet).unwrap();
        assert!(!support::is_fulfillable(&end.keys, &prepare), "{id}");
        let destination = expected["destination"].as_str().unwrap_or("test.recv.<token>");
        let destination = destination.replace("test.recv", "test.receiver").replace("<token>", &token);
        assert_eq!(prepare.destination.as_str(), destination, "{id}");
        let reply = deliver(&mut [], &mut end, &packet.packet, START);
        check_reply(id, &reply, expected["reply"].as_str().unwrap());
        probe.handle_reply(packet.sequence, &reply);
    }
    assert_eq!(case["result"]["requestCount"], case["packetCount"], "{id}");
    assert_eq!(probe.poll_prepare(START, &entropy), Poll::Done(Ok(expected_asset)), "{id}");
}

fn check_trace(id: &str, case: &Value) {
    let receipts = ReceiptSetup {
        nonce: hex::decode("beadaa19d3a655b73b7bd81214d497f1").unwrap().try_into().unwrap(),
        secret: hex::decode(RECEIPT_SECRET).unwrap().try_into().unwrap(),
    };
    let input = &case["input"];
    let mut end = End::new(asset(&input["destinationAsset"]), RejectStyle::ApplicationError, Some(receipts), 1);
    let mut hops = hops(&input["hops"]);
    let quote = trace_quote(&input["quote"]);
    let entropy = SeededEntropy::new(2);
    let payment = Payment::new(&end.destination, &quote, None);
    let Ok(mut payment) = payment else {
        assert_eq!(case["error"], "InvalidQuote", "{id}");
        return;
    };
    let mut packets = case["packets"].as_array().unwrap().iter();
    let mut now = START;
    let mut sent = 0;
    let outcome = loop {
        match payment.poll_prepare(now, &entropy) {
            Poll::Send(packet) => {
                sent += 1;
                let expected = packets.next();
                let described = expected.and_then(|expected| expected["reply"].as_str()).unwrap_or_default();
                if let Some(expected) = expected {
                    let missing = match quote.target {
                        Target::Send(_) => None,
                        Target::Deliver(amount) => Some(amount.saturating_sub(payment.amount_delivered())),
                    };
                    check_request(id, &end, &packet.packet, packet.sequence, missing, expected);
                }
                let reply = scripted(described, &end, &packet.packet);
                let reply = reply.unwrap_or_else(|| deliver(&mut hops, &mut end, &packet.packet, now));
                check_reply(id, &reply, described);
                payment.handle_reply(now, packet.sequence, &reply);
            }
            Poll::WaitUntil(instant) => {
                assert!(instant > now, "time has to go on");
                now = instant;
            }
            Poll::Done(outcome) => break outcome,
        }
    };
    let result = &case["result"];
    let expected_error = match id {
        // Later senders distinguish a refusal by the application from a close (docs/differences.md).
        "p-close-receiver" => Some("ApplicationError"),
        _ => result["error"].as_str(),
    };
    assert_eq!(outcome.error.map(|error| error.to_string()).as_deref(), expected_error, "{id}");
    assert_eq!(outcome.amount_sent, number(&result["amountSent"]), "{id}");
    assert_eq!(outcome.amount_delivered, number(&result["amountDelivered"]), "{id}");
    assert_eq!(payment.source_in_flight(), 0, "{id}");
    if let Some(receipt) = result["streamReceipt"].as_str() {
        assert_eq!(hex::encode(outcome.receipt.unwrap()), receipt, "{id}");
    }
    if let Some(close) = packets.next() {
        let mut closer = payment.close();
        let Poll::Send(packet) = closer.poll_prepare(now, &entropy) else { panic!("{id}: no close") };
        check_request(id, &end, &packet.packet, packet.sequence, None, close);
        check_reply(id, &deliver(&mut hops, &mut end, &packet.packet, now), close["reply"].as_str().unwrap());
        closer.handle_reply(packet.sequence);
        assert_eq!(closer.poll_prepare(now, &entropy), Poll::Done(()), "{id}");
        sent += 1;
    }
    assert_eq!(Some(sent), case["packetCount"].as_u64(), "{id}");
}

/// The secret of the receipt vectors of `stream`. This vector uses it, too.
const RECEIPT_SECRET: &str = "3cc468c3f83e277d6f157c92fd5e6e53309e308220e18433cb7bc7d8bbdfc642";

fn trace_quote(value: &Value) -> Quote {
    let (max_source_amount, min_delivery_amount) =
        (number(&value["maxSourceAmount"]), number(&value["minDeliveryAmount"]));
    let target = match value["paymentType"].as_str() {
        Some("FixedSend") => Target::Send(max_source_amount),
        _ => Target::Deliver(min_delivery_amount),
    };
    Quote {
        target,
        max_source_amount,
        min_delivery_amount,
        max_packet_amount: number(&value["maxPacketAmount"]),
        min_exchange_rate: ratio(&value["minExchangeRate"]),
        rates: RateBounds::new(ratio(&value["lowEstimatedExchangeRate"]), ratio(&value["highEstimatedExchangeRate"])),
        rounding_allowance: 0,
    }
}

fn check_request(id: &str, end: &End, packet: &[u8], sequence: u64, missing: Option<u64>, expected: &Value) {
    let prepare = Prepare::parse(packet).unwrap();
    let plaintext = end.read(&prepare);
    let request = stream::StreamPacket::parse(&plaintext).unwrap();
    assert_eq!(sequence, number(&expected["seq"]), "{id}");
    assert_eq!(request.sequence, sequence, "{id}");
    assert_eq!(prepare.amount, number(&expected["amount"]), "{id} packet {sequence}");
    // The last packet of a fixed delivery states all that is missing (docs/differences.md).
    let min_destination = number(&expected["minDestination"]);
    let names_missing = missing == Some(request.prepare_amount) && request.prepare_amount > min_destination;
    assert!(names_missing || request.prepare_amount == min_destination, "{id} packet {sequence}: {request:?}");
    let frames = support::frame_texts(&plaintext);
    let expected: Vec<_> =
        expected["frames"].as_array().unwrap().iter().map(|frame| frame.as_str().unwrap().to_owned()).collect();
    assert_eq!(frames, expected, "{id} packet {sequence}");
}

fn kind(reply: &[u8]) -> String {
    match Reply::parse(reply) {
        Ok(Reply::Fulfill(_)) => "fulfill".to_owned(),
        Ok(Reply::Reject(reject)) => reject.code.to_string(),
        Err(_) => "garbage".to_owned(),
    }
}

fn check_reply(id: &str, reply: &[u8], described: &str) {
    let kind = kind(reply);
    assert!(described.starts_with(&kind), "{id}: {kind} instead of {described}");
}
