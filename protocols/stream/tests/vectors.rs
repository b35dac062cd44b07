//! The vectors made by the published JavaScript packages; `vectors/README.md` says how.
//! Whole connections are tested in `connection`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

use clock::{Entropy, Timestamp};
use ilp_packet::{AddressRef, Condition, PacketType, Prepare};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stream::{
    AssetDetails, CloseCode, ConnectionDetails, ConnectionId, ConnectionKeys, Decision, Frame, Header, Receipt,
    ReceiptSetup, ReceiverSecret, SharedSecret, StreamPacket, StreamReceiver,
};

/// The cases of a file. The number is checked, so that a lost case is noticed.
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

fn array<const N: usize>(value: &Value, key: &str) -> [u8; N] {
    octets(value, key).try_into().unwrap()
}

fn number(value: &Value, key: &str) -> u64 {
    match &value[key] {
        Value::String(digits) => digits.parse().unwrap(),
        other => other.as_u64().unwrap_or_else(|| panic!("{key} of {value}")),
    }
}

/// Gives the random octets with which the vector was made.
#[derive(Debug)]
struct Pinned(Mutex<Vec<u8>>);

impl Pinned {
    fn new(octets: Vec<u8>) -> Self {
        Self(Mutex::new(octets))
    }
}

impl Entropy for Pinned {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rest = self.0.lock().unwrap();
        assert!(rest.len() >= bytes.len(), "more randomness used than the vector has");
        bytes.copy_from_slice(&rest[..bytes.len()]);
        rest.drain(..bytes.len());
    }
}

#[test]
fn keys_and_receipts_agree_with_the_reference() {
    for case in cases("stream-crypto", 43) {
        match text(&case, "kind") {
            "derivation" => {
                let keys = ConnectionKeys::derive(&octets(&case, "sharedSecret"));
                for fulfillment in case["fulfillments"].as_array().unwrap() {
                    let made = keys.fulfillment(&octets(fulfillment, "data"));
                    assert_eq!(made.as_bytes(), &array(fulfillment, "fulfillment"), "{case}");
                    assert_eq!(made.condition().as_bytes(), &array(fulfillment, "condition"), "{case}");
                }
            }
            "endToEnd" => {
                let keys = SharedSecret::new(array(&case, "sharedSecret")).keys();
                let owned = OwnedFrames::of(&case["packet"]);
                let data = owned.header.seal(&owned.frames(), &keys, array(&case, "iv"));
                assert_eq!(hex::encode(&data), text(&case, "data"), "{case}");
                assert_eq!(keys.fulfillment(&data).as_bytes(), &array(&case, "fulfillment"), "{case}");
            }
            "receipt" => {
                let receipt = Receipt {
                    nonce: array(&case, "nonce"),
                    stream_id: u8::try_from(number(&case, "streamId")).unwrap(),
                    total_received: number(&case, "totalReceived"),
                };
                let secret = array(&case, "secret");
                let issued = receipt.issue(&secret);
                assert_eq!(hex::encode(issued), text(&case, "receipt"), "{case}");
                assert_eq!(Receipt::verify(&issued, &secret), Ok(receipt), "{case}");
            }
            "receiptVerify" => {
                let verified = Receipt::verify(&octets(&case, "receipt"), &array(&case, "secret"));
                assert_eq!(verified.is_ok(), case["reference"] == "accept", "{case}");
            }
            // The reference refuses to create these receipts. Here the types of the fields exclude them.
            "receiptCreate" => {
                let expressible = octets(&case, "nonce").len() == 16
                    && octets(&case, "secret").len() == 32
                    && number_or_string_fits(&case, "streamId", 255)
                    && number_or_string_fits(&case, "totalReceived", u64::MAX);
                assert!(!expressible, "{case}");
            }
            // The tests are beside the private functions.
            "sharedSecretFromToken" | "incomingPacketId" => {}
            other => panic!("unknown kind {other}"),
        }
    }
}

fn number_or_string_fits(value: &Value, key: &str, most: u64) -> bool {
    let digits = value[key].as_str().map_or_else(|| value[key].to_string(), str::to_owned);
    digits.parse::<u64>().is_ok_and(|number| number <= most)
}

/// A packet in the form of the vectors. It owns what its frames borrow.
struct OwnedFrames {
    header: Header,
    frames: Vec<(Value, Vec<u8>)>,
}

impl OwnedFrames {
    fn of(packet: &Value) -> Self {
        let ilp_packet_type = u8::try_from(number(packet, "ilpPacketType")).unwrap();
        let header = Header {
            sequence: number(packet, "sequence"),
            ilp_packet_type: PacketType::from_octet(ilp_packet_type).unwrap_or(PacketType::Prepare),
            prepare_amount: number(packet, "prepareAmount"),
        };
        let frames = packet["frames"].as_array().unwrap().iter();
        Self { header, frames: frames.map(|frame| (frame.clone(), payload(frame))).collect() }
    }

    fn frames(&self) -> Vec<Frame<'_>> {
        self.frames.iter().map(|(frame, payload)| to_frame(frame, payload)).collect()
    }
}

fn payload(frame: &Value) -> Vec<u8> {
    if let Some(fill) = frame.get("dataFill") {
        return vec![octets(fill, "byte")[0]; usize::try_from(number(fill, "length")).unwrap()];
    }
    for (key, is_hex) in [
        ("data", true),
        ("receipt", true),
        ("errorMessage", false),
        ("sourceAccount", false),
        ("sourceAssetCode", false),
    ] {
        if let Some(value) = frame[key].as_str() {
            return if is_hex { hex::decode(value).unwrap() } else { value.as_bytes().to_vec() };
        }
    }
    Vec::new()
}

fn to_frame<'a>(frame: &Value, payload: &'a [u8]) -> Frame<'a> {
    let n = |key| number(frame, key);
    let octet = |key| u8::try_from(number(frame, key)).unwrap();
    match text(frame, "name") {
        "ConnectionClose" => {
            Frame::ConnectionClose { code: CloseCode::from_octet(octet("errorCode")), message: payload }
        }
        "ConnectionNewAddress" => Frame::ConnectionNewAddress { source_account: payload },
        "ConnectionMaxData" => Frame::ConnectionMaxData { max_offset: n("maxOffset") },
        "ConnectionDataBlocked" => Frame::ConnectionDataBlocked { max_offset: n("maxOffset") },
        "ConnectionMaxStreamId" => Frame::ConnectionMaxStreamId { max_stream_id: n("maxStreamId") },
        "ConnectionStreamIdBlocked" => Frame::ConnectionStreamIdBlocked { max_stream_id: n("maxStreamId") },
        "ConnectionAssetDetails" => {
            Frame::ConnectionAssetDetails { asset_code: payload, asset_scale: octet("sourceAssetScale") }
        }
        "StreamClose" => Frame::StreamClose {
            stream_id: n("streamId"),
            code: CloseCode::from_octet(octet("errorCode")),
            message: payload,
        },
        "StreamMoney" => Frame::StreamMoney { stream_id: n("streamId"), shares: n("shares") },
        "StreamMaxMoney" => Frame::StreamMaxMoney {
            stream_id: n("streamId"),
            receive_max: n("receiveMax"),
            total_received: n("totalReceived"),
        },
        "StreamMoneyBlocked" => {
            Frame::StreamMoneyBlocked { stream_id: n("streamId"), send_max: n("sendMax"), total_sent: n("totalSent") }
        }
        "StreamData" => Frame::StreamData { stream_id: n("streamId"), offset: n("offset"), data: payload },
        "StreamMaxData" => Frame::StreamMaxData { stream_id: n("streamId"), max_offset: n("maxOffset") },
        "StreamDataBlocked" => Frame::StreamDataBlocked { stream_id: n("streamId"), max_offset: n("maxOffset") },
        "StreamReceipt" => Frame::StreamReceipt { stream_id: n("streamId"), receipt: payload },
        other => panic!("unknown frame {other}"),
    }
}

fn assert_packet(plaintext: &[u8], expected: &Value, case: &Value) {
    let packet = StreamPacket::parse(plaintext).unwrap_or_else(|error| panic!("{error}: {case}"));
    assert_eq!(packet.sequence, number(expected, "sequence"), "{case}");
    assert_eq!(u64::from(packet.ilp_packet_type), number(expected, "ilpPacketType"), "{case}");
    assert_eq!(packet.prepare_amount, number(expected, "prepareAmount"), "{case}");
    let owned = OwnedFrames::of(expected);
    let frames: Vec<_> = packet.frames().collect();
    if let [Frame::ConnectionNewAddress { source_account }] = frames[..] {
        // The vectors contain replacement characters for text that is not UTF-8.
        assert_eq!(String::from_utf8_lossy(source_account), text(&expected["frames"][0], "sourceAccount"));
    } else {
        assert_eq!(frames, owned.frames(), "{case}");
    }
}

/// Octets that are given in full or, if they are long, by their head, length and digest.
fn assert_octets(octets: &[u8], expected: &Value, case_id: &str) {
    if let Some(expected) = expected["hex"].as_str() {
        assert_eq!(hex::encode(octets), expected, "{case_id}");
    } else {
        assert_eq!(octets.len() as u64, number(expected, "length"), "{case_id}");
        assert!(hex::encode(octets).starts_with(text(expected, "headHex")), "{case_id}");
        assert_eq!(hex::encode(Sha256::digest(octets)), text(expected, "sha256"), "{case_id}");
    }
}

#[test]
fn packets_and_frames_agree_with_the_reference() {
    for case in cases("stream-packets", 129) {
        let id = text(&case, "id");
        match text(&case, "op") {
            "encrypt" => {
                let owned = OwnedFrames::of(&case["packet"]);
                let plaintext = owned.header.encode(&owned.frames());
                assert_octets(&plaintext, &case["plaintext"], id);
                assert_packet(&plaintext, &case["packet"], &case);
            }
            "decodePlaintext" => {
                let plaintext = octets(&case["plaintext"], "hex");
                if case["reference"] == "accept" {
                    assert_packet(&plaintext, &case["packet"], &case);
                } else {
                    assert!(StreamPacket::parse(&plaintext).is_err(), "{case}");
                }
            }
            // The envelope is tested beside its code, where the key can be given.
            "decrypt" => {}
            other => panic!("unknown operation {other}"),
        }
    }
}

fn receiver(case: &Value) -> Option<StreamReceiver> {
    let secret = ReceiverSecret::try_from(&octets(case, "serverSecret")[..]).ok()?;
    let receiver = StreamReceiver::new(secret, text(case, "serverAddress").parse().ok()?);
    Some(receiver.with_reject_style(stream::RejectStyle::Specific))
}

/// `None` if the types cannot hold a field.
fn details(options: &Value) -> Option<ConnectionDetails> {
    let receipts = match options.get("receiptSetup") {
        None => None,
        Some(setup) => Some(ReceiptSetup {
            nonce: octets(setup, "nonce").try_into().ok()?,
            secret: octets(setup, "secret").try_into().ok()?,
        }),
    };
    let asset = match options.get("asset") {
        None => None,
        Some(asset) => Some(AssetDetails {
            code: text(asset, "code").to_owned(),
            scale: asset["scale"].as_u64()?.try_into().ok()?,
        }),
    };
    Some(ConnectionDetails { payment_tag: options["paymentTag"].as_str().map(str::to_owned), receipts, asset })
}

#[test]
fn credentials_agree_with_the_reference() {
    for case in cases("stream-receiver-address", 49) {
        if text(&case, "op") == "decodePaymentTag" {
            let destination = AddressRef::new(text(&case, "ilpAddress")).unwrap();
            let tag = receiver(&case).unwrap().decode_tag(destination).and_then(|details| details.payment_tag);
            assert_eq!(tag.as_deref(), case["paymentTag"].as_str(), "{case}");
            continue;
        }
        let issued = receiver(&case).zip(details(&case["options"])).and_then(|(receiver, details)| {
            let entropy = Pinned::new(octets(&case, "iv"));
            receiver.issue(&details, &entropy).ok()
        });
        if case["reference"] == "reject" {
            assert!(issued.is_none(), "{case}");
            continue;
        }
        let issued = issued.unwrap_or_else(|| panic!("{case}"));
        assert_eq!(issued.address.as_str(), text(&case, "ilpAddress"), "{case}");
        assert_eq!(issued.shared_secret.as_bytes(), &array(&case, "sharedSecret"), "{case}");
        assert_eq!(issued.shared_secret.to_base64url(), text(&case, "sharedSecretBase64url"), "{case}");
        assert_eq!(ConnectionId::of(issued.address.as_ref()).to_string(), text(&case, "connectionId"), "{case}");
        let decoded = receiver(&case).unwrap().decode_tag(issued.address.as_ref()).unwrap();
        assert_eq!(decoded.payment_tag.as_deref(), case["decodedPaymentTag"].as_str(), "{case}");
        let asked = details(&case["options"]).unwrap();
        assert_eq!((decoded.receipts, decoded.asset), (asked.receipts, asked.asset), "{case}");
    }
}

/// The credentials printed in the Open Payments specification, where it describes payment methods.
#[test]
fn credentials_are_those_other_servers_make_with_the_same_secret() {
    let secret = SharedSecret::from_base64("2/PxuRFV9PAp0yJlnAifJ+1OxujjjI16lN+DBnLNRLA=").unwrap();
    let receiver = StreamReceiver::new(ReceiverSecret::new(secret.as_bytes()), "test.rafiki".parse().unwrap());
    let details = ConnectionDetails {
        payment_tag: Some("a1b2c3d4-0000-4000-8000-000000000001".to_owned()),
        receipts: None,
        asset: Some(AssetDetails { code: "USD".to_owned(), scale: 2 }),
    };
    let issued = receiver.issue(&details, &Pinned::new(vec![9; 12])).unwrap();
    let token = "CQkJCQkJCQkJCQkJCIdUXsJgyUsPzRHNriIkbwGV6U5eD4z8oDr269jw1m2VptBk_-FZgaKLg_K3EEtL0rz2xe09r0WdBBw";
    assert_eq!(issued.address.as_str(), format!("test.rafiki.{token}"));
    assert_eq!(issued.shared_secret.to_base64url(), "wMdZtGAi92yLuWwVLl8cHRRNgPX1p-O9P5NO9b_bbXc");
    assert_eq!(receiver.decode_tag(issued.address.as_ref()), Some(details));
}

const NOW: Timestamp = Timestamp::from_millis(1_772_323_200_000);

fn prepare_of<'a>(prepare: &'a Value, data: &'a [u8]) -> Prepare<'a> {
    Prepare {
        amount: number(prepare, "amount"),
        expires_at: Timestamp::from_millis(NOW.as_millis() + 1000),
        execution_condition: Condition::new(array(prepare, "executionCondition")),
        destination: AddressRef::new(text(prepare, "destination")).unwrap(),
        data,
    }
}

#[test]
fn decisions_and_replies_agree_with_the_reference() {
    for case in cases("stream-receiver-replies", 40) {
        let prepare = &case["request"]["prepare"];
        let data = octets(prepare, "data");
        let entropy = Pinned::new(octets(&case, "replyIv"));
        let receiver = receiver(&case).unwrap();
        let destination = AddressRef::new(text(prepare, "destination")).unwrap();
        let reply = match receiver.evaluate(&prepare_of(prepare, &data), NOW, &entropy) {
            Decision::Reply(reply) => {
                assert_eq!(text(&case, "outcome"), "reply", "{case}");
                reply
            }
            Decision::Money(money) => {
                assert_eq!(text(&case, "outcome"), "money", "{case}");
                assert_eq!(ConnectionId::of(destination).to_string(), text(&case, "connectionId"), "{case}");
                assert_eq!(money.payment_tag(), case["paymentTag"].as_str(), "{case}");
                let frames = case["dataFrames"].as_array().cloned().unwrap_or_default();
                let expected: Vec<_> =
                    frames.iter().map(|frame| (number(frame, "streamId"), octets(frame, "data"))).collect();
                assert_eq!(money.stream_data(), expected, "{case}");
                let action = &case["action"];
                match text(action, "do") {
                    "accept" => money.accept(action["totalReceived"].as_str().map(|total| total.parse().unwrap())),
                    "temporaryDecline" => money.decline_temporarily(),
                    "finalDecline" => {
                        let reason = action["data"].as_str().unwrap_or_default();
                        let is_hex = text(&case, "note").contains("octets");
                        let reason = if is_hex { hex::decode(reason).unwrap() } else { reason.as_bytes().to_vec() };
                        money.decline_finally(&reason)
                    }
                    other => panic!("unknown action {other}"),
                }
            }
        };
        assert_eq!(hex::encode(&reply), text(&case["reply"], "packet"), "{case}");
    }
}
