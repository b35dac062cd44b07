//! The parsers of STREAM: plaintexts with frames, encrypted packets, and the token in an address.
//! The packets around them are in `packet`.

use clock::Timestamp;
use ilp_packet::{Address, AddressRef, Condition, PacketType, Prepare, Reply};
use stream::{
    CloseCode, Connection, ConnectionDetails, Decision, Frame, Header, Receipt, ReceiverSecret, STREAM_ID,
    SharedSecret, StreamPacket, StreamReceiver,
};

use crate::corpus::{ADDRESSES, PLAINTEXTS, REQUESTS};
use crate::material::Material;

/// Frames: every parsed frame is written as the same frame.
pub(crate) fn frames(material: &mut Material) {
    let plaintext = match material.below(4) {
        0 => material.octets(120),
        1 => {
            let written = material.pick(&PLAINTEXTS).clone();
            material.damaged(written)
        }
        _ => {
            let valid = plaintext(material);
            material.damaged(valid)
        }
    };
    let _ = Receipt::parse(&plaintext);
    let Ok(packet) = StreamPacket::parse(&plaintext) else { return };
    let frames: Vec<_> = packet.frames().collect();
    let Some(ilp_packet_type) = PacketType::from_octet(packet.ilp_packet_type) else { return };
    let header = Header { sequence: packet.sequence, ilp_packet_type, prepare_amount: packet.prepare_amount };
    let written = header.encode(&frames);
    let reread = StreamPacket::parse(&written).map(|packet| packet.frames().collect::<Vec<_>>());
    assert_eq!(reread.ok(), Some(frames), "written differently than read");
}

/// Encrypted packets: a receiver answers every packet, and accepts money only for packets sealed for it.
pub(crate) fn encrypted_packet(material: &mut Material) {
    if material.one_in(4) { written_request(material) } else { made_request(material) }
}

/// A request of a published sender, damaged or not. The receiver is that of the vectors.
fn written_request(material: &mut Material) {
    let request = material.pick(&REQUESTS);
    let (Ok(secret), Ok(server)) = (ReceiverSecret::try_from(&request.secret[..]), request.server.parse()) else {
        panic!("a receiver of the vectors")
    };
    let receiver = StreamReceiver::new(secret, server);
    let octets = material.damaged(request.prepare.clone());
    let Ok(prepare) = Prepare::parse(&octets) else { return };
    let reply = match receiver.evaluate(&prepare, Timestamp::EPOCH, material.entropy()) {
        Decision::Reply(reply) => reply,
        Decision::Money(money) => {
            // Amount, expiry and the segments behind the token are not sealed. Everything else must be unchanged.
            let Ok(original) = Prepare::parse(&request.prepare) else { panic!("money for what was no packet") };
            assert_eq!(prepare.data, original.data, "money for a packet nobody with the secret has made");
            assert_eq!(prepare.execution_condition, original.execution_condition, "money under another condition");
            money.accept(Some(material.u64()))
        }
    };
    let Ok(reply) = Reply::parse(&reply) else { panic!("a reply is a reply") };
    if let Reply::Fulfill(fulfill) = reply {
        assert!(fulfill.fulfillment.satisfies(&prepare.execution_condition), "the fulfillment does not fulfil");
    }
}

fn made_request(material: &mut Material) {
    let receiver = receiver();
    let Ok(credentials) = receiver.issue(&ConnectionDetails::default(), material.entropy()) else {
        panic!("credentials without details are always possible")
    };

    let keys = credentials.shared_secret.keys();
    let plaintext = plaintext(material);
    let plaintext = material.damaged(plaintext);
    let mut sealed = [vec![0; stream::ENVELOPE_OVERHEAD], plaintext].concat();
    keys.seal(material.array(), &mut sealed);

    let data = material.damaged(sealed.clone());
    let condition = match material.below(3) {
        0 => Condition::new(material.array()),
        _ => keys.fulfillment(&data).condition(),
    };
    let prepare = Prepare {
        amount: material.amount(),
        expires_at: Timestamp::from_millis(1000),
        execution_condition: condition,
        destination: credentials.address.as_ref(),
        data: &data,
    };

    let reply = match receiver.evaluate(&prepare, Timestamp::EPOCH, material.entropy()) {
        Decision::Reply(reply) => reply,
        Decision::Money(money) => {
            assert_eq!(data, sealed, "money for a packet nobody with the secret has made");
            assert!(prepare.amount > 0);
            match material.below(3) {
                0 => money.decline_temporarily(),
                1 => money.decline_finally(&material.octets(20)),
                _ => money.accept(Some(material.u64())),
            }
        }
    };

    let Ok(reply) = Reply::parse(&reply) else { panic!("a reply is a reply") };
    if let Reply::Fulfill(fulfill) = reply {
        assert!(fulfill.fulfillment.satisfies(&condition), "the fulfillment does not fulfil");
        assert!(keys.open(fulfill.data).is_ok_and(|plaintext| StreamPacket::parse(&plaintext).is_ok()));
    }
}

/// Tokens: exactly the addresses that the receiver issued have a connection.
pub(crate) fn address_token(material: &mut Material) {
    if material.one_in(3) { written_address(material) } else { issued_address(material) }
}

/// An address issued by the published receiver, damaged or not.
fn written_address(material: &mut Material) {
    let address = material.pick(&ADDRESSES);
    let Ok(secret) = ReceiverSecret::try_from(&address.secret[..]) else { return };
    let Ok(server) = address.server.parse::<Address>() else { return };
    let receiver = StreamReceiver::new(secret, server);
    let restored = |text: &[u8]| AddressRef::from_octets(text).ok().and_then(|address| receiver.decode_tag(address));
    let damaged = material.damaged(address.destination.as_bytes().to_vec());
    let details = restored(&damaged);
    // Some of the vectors are invalid themselves, and damage may repair them.
    let Some(original) = restored(address.destination.as_bytes()) else { return };
    // Aliases of the token have the same connection. Any other change has none.
    assert!(details.is_none_or(|details| details == original), "details nobody has issued");
}

fn issued_address(material: &mut Material) {
    let receiver = receiver();
    let tag: String = material.octets(60).iter().map(|octet| char::from(b' ' + octet % 95)).collect();
    let details = ConnectionDetails { payment_tag: Some(tag.clone()), ..ConnectionDetails::default() };
    let Ok(credentials) = receiver.issue(&details, material.entropy()) else { panic!("the tag fits") };
    let restored = receiver.decode_tag(credentials.address.as_ref());
    assert_eq!(restored.map(|details| details.payment_tag.unwrap_or_default()), Some(tag));
    let connection = receiver.connection(credentials.address.as_ref());
    assert!(connection.as_ref().is_ok_and(|connection| agree(connection, &credentials.shared_secret, material)));

    let issued = credentials.address.as_str();
    let damaged = material.damaged(issued.as_bytes().to_vec());
    let Ok(destination) = AddressRef::from_octets(&damaged) else { return };
    let restored = receiver.connection(destination).is_ok();
    if restored {
        // The lenient forms of base64 and segments after the token are aliases of the same token.
        let canonical = |address: &str| {
            let local = address.strip_prefix("test.receiver.").unwrap_or_default();
            let token: String = local.split('.').next().unwrap_or_default().replace('~', "");
            token.get(..token.len().saturating_sub(1)).unwrap_or_default().to_owned()
        };
        assert_eq!(canonical(destination.as_str()), canonical(issued), "a token nobody has issued");
    }
}

/// Whether the receiver accepts a packet that the holder of the secret has sealed.
fn agree(connection: &Connection, secret: &SharedSecret, material: &mut Material) -> bool {
    let keys = secret.keys();
    let header = Header { sequence: 1, ilp_packet_type: PacketType::Prepare, prepare_amount: 1 };
    let data = header.seal(&[], &keys, material.array());
    let Ok(destination) = AddressRef::new("test.receiver.any") else { return false };
    let prepare = Prepare {
        amount: 1,
        expires_at: Timestamp::from_millis(1000),
        execution_condition: keys.fulfillment(&data).condition(),
        destination,
        data: &data,
    };
    matches!(connection.evaluate(&prepare, Timestamp::EPOCH, material.entropy()), Decision::Money(_))
}

pub(crate) fn receiver() -> StreamReceiver {
    let Ok(address) = "test.receiver".parse::<Address>() else { panic!("a valid address") };
    StreamReceiver::new(ReceiverSecret::new(&[7; 32]), address)
}

fn plaintext(material: &mut Material) -> Vec<u8> {
    let (a, b, octets) = (material.amount(), material.amount(), material.octets(60));
    let code = CloseCode::from_octet(material.array::<1>()[0]);
    let all = [
        Frame::StreamMoney { stream_id: STREAM_ID, shares: 1 },
        Frame::ConnectionClose { code, message: &octets },
        Frame::ConnectionNewAddress { source_account: &octets },
        Frame::ConnectionMaxData { max_offset: a },
        Frame::ConnectionMaxStreamId { max_stream_id: a },
        Frame::ConnectionAssetDetails { asset_code: &octets, asset_scale: 9 },
        Frame::StreamClose { stream_id: a, code, message: &octets },
        Frame::StreamMaxMoney { stream_id: STREAM_ID, receive_max: a, total_received: b },
        Frame::StreamMoneyBlocked { stream_id: STREAM_ID, send_max: a, total_sent: b },
        Frame::StreamData { stream_id: STREAM_ID, offset: a, data: &octets },
        Frame::StreamReceipt { stream_id: STREAM_ID, receipt: &octets },
    ];
    let frames: Vec<_> = (0..material.below(5)).map(|_| *material.pick(&all)).collect();
    let ilp_packet_type =
        *material.pick(&[PacketType::Prepare, PacketType::Prepare, PacketType::Fulfill, PacketType::Reject]);
    Header { sequence: material.amount(), ilp_packet_type, prepare_amount: material.amount() }.encode(&frames)
}
