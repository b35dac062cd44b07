//! Sender and receiver of one connection: limits, expiry, old senders, and replies that are not accepted.
//! Octets are compared with published ones in `vectors`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use clock::{SeededEntropy, Timestamp};
use ilp_packet::{AddressRef, Condition, ErrorCode, Fulfill, PacketType, Prepare, Reply};
use proptest::prelude::*;
use stream::{
    ConnectionDetails, Decision, Frame, Hashlock, Header, Money, OutgoingPacket, ReceiveLimit, ReceiverSecret,
    RejectStyle, Request, STREAM_ID, Sender, SharedSecret, StreamReceiver, Verdict,
};

const NOW: Timestamp = Timestamp::from_millis(1_772_323_200_000);

struct Ends {
    receiver: StreamReceiver,
    sender: Sender,
    secret: SharedSecret,
    entropy: SeededEntropy,
}

impl Ends {
    fn new() -> Self {
        let entropy = SeededEntropy::new(1);
        let receiver = StreamReceiver::new(ReceiverSecret::new(&[1; 32]), "test.receiver".parse().unwrap());
        let credentials = receiver.issue(&ConnectionDetails::default(), &entropy).unwrap();
        let sender = Sender::new(credentials.address, &credentials.shared_secret);
        Self { receiver, sender, secret: credentials.shared_secret, entropy }
    }

    fn request(&mut self, amount: u64, min: u64, hashlock: Hashlock) -> OutgoingPacket {
        let request = Request {
            source_amount: amount,
            min_destination_amount: min,
            hashlock,
            expires_at: NOW + Duration::from_secs(20),
            frames: &[Frame::StreamMoney { stream_id: STREAM_ID, shares: 1 }],
        };
        self.sender.make(&request, &self.entropy).unwrap()
    }

    fn decide(&self, packet: &OutgoingPacket, now: Timestamp) -> Decision {
        self.receiver.evaluate(&Prepare::parse(&packet.prepare).unwrap(), now, &self.entropy)
    }

    fn money(&self, packet: &OutgoingPacket) -> Money {
        match self.decide(packet, NOW) {
            Decision::Money(money) => money,
            Decision::Reply(reply) => panic!("{:?}", Reply::parse(&reply)),
        }
    }

    fn refusal(&self, packet: &OutgoingPacket, now: Timestamp) -> ErrorCode {
        let Decision::Reply(reply) = self.decide(packet, now) else { panic!("money") };
        let reading = self.sender.read(packet.sequence, packet.fulfillment, &reply);
        assert!(reading.is_authentic());
        let Verdict::Rejected { code, .. } = reading.verdict else { panic!("{reading:?}") };
        code
    }
}

#[test]
fn money_is_declined_temporarily_at_the_maximum_and_the_reply_states_the_limit() {
    let mut ends = Ends::new();
    let packet = ends.request(10, 10, Hashlock::Fulfillable);
    let below = ReceiveLimit { maximum: 100, total_received: 99 };
    assert_eq!(ends.money(&packet).announcing(below).amount(), 10);

    let reached = ReceiveLimit { maximum: 100, total_received: 100 };
    let decline = ends.money(&packet).announcing(reached).decline_temporarily();
    let reading = ends.sender.read(packet.sequence, packet.fulfillment, &decline);
    assert_eq!(reading.verdict, Verdict::Rejected { code: ErrorCode::T00InternalError, too_large: None });
    let frames: Vec<_> = reading.stream().unwrap().frames().collect();
    assert_eq!(frames, [Frame::StreamMaxMoney { stream_id: STREAM_ID, receive_max: 100, total_received: 100 }]);
}

#[test]
fn money_that_comes_too_late_is_not_taken() {
    let mut ends = Ends::new();
    let packet = ends.request(10, 10, Hashlock::Fulfillable);
    assert!(matches!(ends.decide(&packet, NOW + Duration::from_secs(20)), Decision::Money(_)));
    let late = NOW + Duration::from_millis(20_001);
    assert_eq!(ends.refusal(&packet, late), ErrorCode::R00TransferTimedOut);
}

#[test]
fn senders_are_refused_with_the_one_code_that_all_of_them_read_unless_told_otherwise() {
    let mut ends = Ends::new();
    let probe = ends.request(10, 0, Hashlock::Unfulfillable);
    let too_little = ends.request(10, 11, Hashlock::Fulfillable);
    assert_eq!(ends.refusal(&probe, NOW), ErrorCode::F99ApplicationError);
    assert_eq!(ends.refusal(&too_little, NOW), ErrorCode::F99ApplicationError);
    ends.receiver = ends.receiver.with_reject_style(RejectStyle::Specific);
    assert_eq!(ends.refusal(&probe, NOW), ErrorCode::F05WrongCondition);
    assert_eq!(ends.refusal(&too_little, NOW), ErrorCode::F04InsufficientDestinationAmount);
}

#[test]
fn a_fulfill_counts_only_with_the_receivers_reply_to_this_packet() {
    let mut ends = Ends::new();
    let packet = ends.request(10, 10, Hashlock::Fulfillable);
    let fulfillment = packet.fulfillment.unwrap();
    let keys = ends.secret.keys();
    let reading = |ilp_packet_type, sequence, fulfillment| {
        let data = Header { sequence, ilp_packet_type, prepare_amount: 10 }.seal(&[], &keys, [5; 12]);
        ends.sender.read(packet.sequence, packet.fulfillment, &Fulfill { fulfillment, data: &data }.encode())
    };
    assert_eq!(reading(PacketType::Fulfill, packet.sequence, fulfillment).stream().unwrap().prepare_amount, 10);
    for (ilp_packet_type, sequence) in
        [(PacketType::Reject, packet.sequence), (PacketType::Prepare, packet.sequence), (PacketType::Fulfill, 77)]
    {
        let reading = reading(ilp_packet_type, sequence, fulfillment);
        assert_eq!(reading.verdict, Verdict::Fulfilled);
        assert!(reading.stream().is_none());
    }
    let wrong = ilp_packet::Fulfillment::new([0; 32]);
    assert_eq!(reading(PacketType::Fulfill, packet.sequence, wrong).verdict, Verdict::WrongFulfillment);
    assert_eq!(ends.sender.read(packet.sequence, packet.fulfillment, b"").verdict, Verdict::Undecodable);
}

proptest! {
    #[test]
    fn every_packet_is_answered_and_only_encrypted_packets_bring_money(
        token in prop::option::of("[A-Za-z0-9_~.-]{1,120}"), data in prop::collection::vec(any::<u8>(), 0..120),
        amount in any::<u64>(), condition in any::<[u8; 32]>(), seal in any::<bool>(),
    ) {
        let mut ends = Ends::new();
        let genuine = ends.request(10, 10, Hashlock::Fulfillable);
        let genuine = Prepare::parse(&genuine.prepare).unwrap();
        let keys = ends.secret.keys();
        let data = if seal {
            let mut envelope = [vec![0; stream::ENVELOPE_OVERHEAD], data].concat();
            keys.seal([7; 12], &mut envelope);
            envelope
        } else {
            data
        };
        let elsewhere = token.map(|token| format!("test.receiver.{token}"));
        let elsewhere = elsewhere.as_deref().and_then(|address| AddressRef::new(address).ok());
        let prepare = Prepare {
            amount,
            execution_condition: Condition::new(condition),
            destination: elsewhere.unwrap_or(genuine.destination),
            data: &data,
            ..genuine
        };
        let decision = ends.receiver.evaluate(&prepare, NOW, &ends.entropy);
        let Decision::Reply(reply) = decision else { panic!("money under a condition nobody can fulfil") };
        prop_assert!(matches!(Reply::parse(&reply), Ok(Reply::Reject(_))));
        let reading = ends.sender.read(0, None, &data);
        prop_assert!(seal || !reading.is_authentic());
    }
}
