//! The vectors made by the published JavaScript packages; `vectors/README.md` says how.
//! Random octets are tested by `proof/fuzz`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clock::Timestamp;
use ilp_packet::oer::{self, Reader};
use ilp_packet::{
    AddressRef, AmountTooLarge, Condition, ErrorCode, Fulfill, Fulfillment, Packet, ParseError, Prepare, PrepareBuf,
    Reject, Reply, ildcp,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The cases of a file, of which there are `count`, so that none is lost unnoticed.
fn cases(file: &str, count: usize) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = document["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), count, "{file}");
    cases
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn octets(value: &Value, key: &str) -> Vec<u8> {
    hex::decode(text(value, key)).unwrap()
}

fn array32(value: &Value, key: &str) -> Option<[u8; 32]> {
    octets(value, key).try_into().ok()
}

#[test]
fn oer_primitives_agree_with_the_reference() {
    for case in cases("oer", 43) {
        let id = text(&case, "id");
        match text(&case, "op") {
            "varuint" => {
                let value: u64 = text(&case, "value").parse().unwrap();
                let mut out = Vec::new();
                oer::put_var_uint(&mut out, value);
                assert_eq!(out, octets(&case, "hex"), "{id}");
                assert_eq!(Reader::new(&out).var_uint(), Ok(value), "{id}");
                assert_eq!(value.to_be_bytes().to_vec(), octets(&case, "uint64Hex"), "{id}");
            }
            "octets" => {
                let length = usize::try_from(case["length"].as_u64().unwrap()).unwrap();
                let mut out = Vec::new();
                oer::put_length(&mut out, length);
                assert_eq!(out, octets(&case, "prefixHex"), "{id}");
            }
            decode => check_decoded_field(&case, decode),
        }
    }
}

fn check_decoded_field(case: &Value, operation: &str) {
    let input = octets(case, "hex");
    let mut reader = Reader::new(&input);
    let decoded = match operation {
        "decode-varuint" => reader.var_uint().map(|value| value.to_string()),
        "decode-octets" => reader.var_octets().map(hex::encode),
        "decode-uint64" => reader.u64().map(|value| value.to_string()),
        "decode-uint8" => reader.u8().map(|value| value.to_string()),
        other => panic!("unknown operation {other}"),
    };
    // The one place where the reference accepts what is not canonical: its check overflows.
    let overflow = input.starts_with(&[0x85, 0]) || input.starts_with(&[0x86, 0]);
    if case["reference"] == "accept" && !overflow {
        assert_eq!(decoded.as_deref(), Ok(text(case, "value")), "{case}");
        let consumed = usize::try_from(case["consumed"].as_u64().unwrap()).unwrap();
        assert_eq!(input.len() - reader.rest().len(), consumed, "{case}");
    } else {
        assert!(decoded.is_err(), "{case}");
    }
}

#[test]
fn addresses_are_judged_as_by_the_reference() {
    for case in cases("ilp-addresses", 112) {
        let Some(address) = case["address"].as_str() else {
            // What is no text cannot be asked about here at all.
            assert!(case["nonString"] == true && case["valid"] == false, "{case}");
            continue;
        };
        let parsed = AddressRef::new(address);
        assert_eq!(parsed.is_ok(), case["valid"].as_bool().unwrap(), "{case}");
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.scheme(), text(&case, "scheme"), "{case}");
            assert_eq!(parsed.segments().count() as u64, case["segments"].as_u64().unwrap(), "{case}");
            assert_eq!(parsed.to_address().as_str(), address);
        }
    }
}

/// The fields of a packet as the vectors write them, kept alive while a packet borrows them.
struct Fields {
    destination: String,
    message: Vec<u8>,
    data: Vec<u8>,
}

impl Fields {
    fn of(packet: &Value) -> Self {
        let fill = |name: &str| {
            let fill = &packet[name];
            let octet = octets(fill, "byte")[0];
            vec![octet; usize::try_from(fill["length"].as_u64().unwrap()).unwrap()]
        };
        let data = match packet["data"].as_str() {
            Some(data) => hex::decode(data).unwrap(),
            None => fill("dataFill"),
        };
        let address = packet["destination"].as_str().or(packet["triggeredBy"].as_str()).unwrap_or_default();
        let message = packet["message"].as_str().unwrap_or_default().as_bytes().to_vec();
        Self { destination: address.to_owned(), message, data }
    }

    fn packet<'a>(&'a self, packet: &Value) -> Packet<'a> {
        match packet["type"].as_u64() {
            Some(12) => Packet::Prepare(Prepare {
                amount: text(packet, "amount").parse().unwrap(),
                expires_at: text(packet, "expiresAt").parse().unwrap(),
                execution_condition: Condition::new(array32(packet, "executionCondition").unwrap()),
                destination: AddressRef::new(&self.destination).unwrap(),
                data: &self.data,
            }),
            Some(13) => Packet::Fulfill(Fulfill {
                fulfillment: Fulfillment::new(array32(packet, "fulfillment").unwrap()),
                data: &self.data,
            }),
            Some(14) => Packet::Reject(Reject {
                code: text(packet, "code").parse().unwrap(),
                triggered_by: (!self.destination.is_empty()).then(|| AddressRef::new(&self.destination).unwrap()),
                message: &self.message,
                data: &self.data,
            }),
            other => panic!("unknown packet type {other:?}"),
        }
    }
}

fn encode(packet: &Packet<'_>) -> Vec<u8> {
    match packet {
        Packet::Prepare(prepare) => prepare.encode(),
        Packet::Fulfill(fulfill) => fulfill.encode(),
        Packet::Reject(reject) => reject.encode(),
    }
}

fn decode<'a>(decoder: &str, octets: &'a [u8]) -> Result<Packet<'a>, ParseError> {
    match decoder {
        "prepare" => {
            assert_eq!(Prepare::parse(octets).is_ok(), PrepareBuf::parse(octets.to_vec()).is_ok());
            Prepare::parse(octets).map(Packet::Prepare)
        }
        "fulfill" => Fulfill::parse(octets).map(Packet::Fulfill),
        "reject" => Reject::parse(octets).map(Packet::Reject),
        "reply" => Reply::parse(octets).map(|reply| match reply {
            Reply::Fulfill(fulfill) => Packet::Fulfill(fulfill),
            Reply::Reject(reject) => Packet::Reject(reject),
        }),
        "packet" => Packet::parse(octets),
        other => panic!("unknown decoder {other}"),
    }
}

#[test]
fn packets_are_encoded_and_decoded_as_by_the_reference() {
    for case in cases("ilp-packets", 219) {
        let id = text(&case, "id");
        match text(&case, "op") {
            "roundtrip" => {
                let fields = Fields::of(&case["packet"]);
                let packet = fields.packet(&case["packet"]);
                let encoded = encode(&packet);
                assert_eq!(encoded.len() as u64, case["length"].as_u64().unwrap(), "{id}");
                if let Some(expected) = case["hex"].as_str() {
                    assert_eq!(hex::encode(&encoded), expected, "{id}");
                } else {
                    assert!(encoded.starts_with(&octets(&case, "headHex")), "{id}");
                    assert_eq!(Sha256::digest(&encoded)[..], octets(&case, "sha256"), "{id}");
                }
                assert_eq!(decode(text(&case, "decoder"), &encoded), Ok(packet), "{id}");
                assert_eq!(Packet::parse(&encoded), Ok(packet), "{id}");
            }
            "decode" => check_decoded_packet(&case),
            "encode" => check_refused_to_encode(&case),
            other => panic!("unknown operation {other}"),
        }
    }
}

fn check_decoded_packet(case: &Value) {
    let input = octets(case, "hex");
    let decoded = decode(text(case, "decoder"), &input);
    match text(case, "recommended") {
        "must-reject" => assert!(decoded.is_err(), "{case}"),
        "may-reject" => {
            let lenient = decoded.is_ok();
            let note = text(case, "note");
            // The epoch and the first century are instants like any other, and a leap second is the following second.
            let accepted = ["epoch", "second 60", "year 0099"].iter().any(|one| note.contains(one));
            assert_eq!(lenient, accepted, "{case}");
        }
        _ => {
            let decoded = decoded.unwrap_or_else(|error| panic!("{error}: {case}"));
            if let Packet::Reject(reject) = decoded {
                assert_eq!(reject.message_text(), text(&case["packet"], "message"), "{case}");
                assert_eq!(hex::encode(reject.data), text(&case["packet"], "data"), "{case}");
                assert_eq!(reject.code.to_string(), text(&case["packet"], "code"), "{case}");
            } else {
                let fields = Fields::of(&case["packet"]);
                assert_eq!(decoded, fields.packet(&case["packet"]), "{case}");
            }
            if case["reencodesIdentically"] == true {
                assert_eq!(encode(&decoded), input, "{case}");
            }
        }
    }
}

/// What the reference refuses to encode cannot even be expressed here: the types of the fields refuse it.
fn check_refused_to_encode(case: &Value) {
    let packet = &case["packet"];
    let (field, value) = packet.as_object().unwrap().iter().next().unwrap();
    let refused = match field.as_str() {
        "amount" => value.as_str().unwrap().parse::<u64>().is_err(),
        "executionCondition" | "fulfillment" => array32(packet, field).is_none(),
        "code" => value.as_str().unwrap().parse::<ErrorCode>().is_err(),
        other => panic!("unknown field {other}"),
    };
    assert!(refused, "{case}");
}

#[test]
fn the_detail_of_an_amount_too_large_is_read() {
    let mut seen = 0;
    for case in cases("ilp-packets", 219) {
        let note = text(&case, "note").to_owned();
        let Some(amounts) = note.strip_prefix("F08 detail data: received ") else { continue };
        let numbers: Vec<u64> =
            amounts.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).take(2).collect();
        let detail = AmountTooLarge::parse(&octets(&case["packet"], "data")).unwrap();
        assert_eq!((detail.received, detail.maximum), (numbers[0], numbers[1]), "{case}");
        assert_eq!(detail.encode().to_vec(), octets(&case["packet"], "data"));
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn dynamic_configuration_agrees_with_the_reference() {
    let served = ildcp::AccountDetails {
        client_address: "test.parent.alice".parse().unwrap(),
        asset_scale: 9,
        asset_code: "XRP".to_owned(),
    };
    let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    for case in cases("ildcp", 11) {
        match text(&case, "op") {
            "serve" => {
                let request = octets(&case, "request");
                let prepare = Prepare::parse(&request).unwrap();
                assert!(ildcp::is_request(&prepare));
                let reply = ildcp::serve(&prepare, &served, AddressRef::new("test.parent").unwrap(), now);
                assert_eq!(hex::encode(reply), text(&case, "reply"), "{case}");
            }
            "response" if case["reference"] == "accept" => {
                let details = &case["response"];
                let details = ildcp::AccountDetails {
                    client_address: text(details, "clientAddress").parse().unwrap(),
                    asset_scale: u8::try_from(details["assetScale"].as_u64().unwrap()).unwrap(),
                    asset_code: text(details, "assetCode").to_owned(),
                };
                assert_eq!(details.encode(), octets(&case, "hex"), "{case}");
                assert_eq!(ildcp::AccountDetails::parse(&octets(&case, "hex")), Ok(details), "{case}");
            }
            "response" => assert!(ildcp::AccountDetails::parse(&octets(&case, "hex")).is_err(), "{case}"),
            other => panic!("unknown operation {other}"),
        }
    }
}
