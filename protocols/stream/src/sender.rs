//! The sending end of a connection (RFC 29, sections 5 and 6). It makes numbered, encrypted requests, and reads and
//! checks replies.
//!
//! It does not decide how much to send or when: `stream-pay` does.

use clock::{Entropy, Timestamp};
use ilp_packet::{Address, AddressRef, AmountTooLarge, Condition, ErrorCode, Fulfillment, PacketType, Prepare, Reply};

use crate::crypto::{ConnectionKeys, SharedSecret};
use crate::frame::Frame;
use crate::packet::{Header, StreamPacket};

/// How many packets one key may encrypt (RFC 29, section 4.1).
const SEQUENCE_MAX: u64 = 1 << 31;

/// Makes the requests of one connection.
#[derive(Clone, Debug)]
pub struct Sender {
    destination: Address,
    keys: ConnectionKeys,
    next_sequence: u64,
}

/// Whether the receiver can fulfil a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashlock {
    /// The receiver can make the fulfillment of the condition, so money may move.
    Fulfillable,
    /// The condition is random, so no money can move.
    Unfulfillable,
}

/// The content of a request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The amount to send, in the source asset.
    pub source_amount: u64,
    /// The least amount that the receiver should accept, in the destination asset.
    pub min_destination_amount: u64,
    /// Whether money may move.
    pub hashlock: Hashlock,
    /// When the packet expires.
    pub expires_at: Timestamp,
    /// The frames, in order.
    pub frames: &'a [Frame<'a>],
}

/// A Prepare that is ready to be sent.
#[derive(Clone, Debug)]
pub struct OutgoingPacket {
    /// The number of the packet. Its reply must have the same number.
    pub sequence: u64,
    /// The octets.
    pub prepare: Vec<u8>,
    /// The fulfillment that a Fulfill must contain; unknown for unfulfillable packets.
    pub fulfillment: Option<Fulfillment>,
}

/// Why no packet can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The key must not encrypt any more packets.
    #[error("the connection has sent 2^31 packets, the most that its key may encrypt; open a new connection")]
    SequenceExhausted,
}

/// The result in the ILP part of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The money moved.
    Fulfilled,
    /// The money did not move.
    Rejected {
        /// Why.
        code: ErrorCode,
        /// The detail of an F08, if it has one.
        too_large: Option<AmountTooLarge>,
    },
    /// A Fulfill whose fulfillment is not the preimage. For the sender, the money did not move.
    WrongFulfillment,
    /// The octets are not a reply.
    Undecodable,
}

/// A checked and decrypted reply.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The result in the ILP part.
    pub verdict: Verdict,
    sequence: u64,
    plaintext: Option<Vec<u8>>,
}

impl Sender {
    /// A sender that numbers its packets from 0.
    pub fn new(destination: Address, shared_secret: &SharedSecret) -> Self {
        Self { destination, keys: shared_secret.keys(), next_sequence: 0 }
    }

    /// How many packets have been made.
    pub fn packets_made(&self) -> u64 {
        self.next_sequence
    }

    /// Encrypts and numbers a request (RFC 29, section 5.2).
    pub fn make(&mut self, request: &Request<'_>, entropy: &dyn Entropy) -> Result<OutgoingPacket, SendError> {
        let destination = self.destination.clone();
        self.make_to(destination.as_ref(), request, entropy)
    }

    /// The same, to another address of the receiver than this sender was created with.
    pub fn make_to(
        &mut self,
        destination: AddressRef<'_>,
        request: &Request<'_>,
        entropy: &dyn Entropy,
    ) -> Result<OutgoingPacket, SendError> {
        let sequence = self.next_sequence;
        if sequence >= SEQUENCE_MAX {
            return Err(SendError::SequenceExhausted);
        }
        self.next_sequence += 1;
        let header =
            Header { sequence, ilp_packet_type: PacketType::Prepare, prepare_amount: request.min_destination_amount };
        let data = header.seal(request.frames, &self.keys, entropy.bytes());
        let fulfillment = match request.hashlock {
            Hashlock::Fulfillable => Some(self.keys.fulfillment(&data)),
            Hashlock::Unfulfillable => None,
        };

        let execution_condition =
            fulfillment.map_or_else(|| Condition::new(entropy.bytes()), |fulfillment| fulfillment.condition());
        let prepare = Prepare {
            amount: request.source_amount,
            expires_at: request.expires_at,
            execution_condition,
            destination,
            data: &data,
        };

        Ok(OutgoingPacket { sequence, prepare: prepare.encode(), fulfillment })
    }

    /// Checks the reply to packet `sequence`, whose fulfillment is `expected`.
    ///
    /// The receiver cannot make the fulfillment of an unfulfillable packet. So a Fulfill for one is a wrong
    /// fulfillment.
    pub fn read(&self, sequence: u64, expected: Option<Fulfillment>, octets: &[u8]) -> Reading {
        let Ok(reply) = Reply::parse(octets) else {
            return Reading { verdict: Verdict::Undecodable, sequence, plaintext: None };
        };
        let verdict = match &reply {
            Reply::Fulfill(fulfill) if Some(fulfill.fulfillment) == expected => Verdict::Fulfilled,
            Reply::Fulfill(_) => Verdict::WrongFulfillment,
            Reply::Reject(reject) => {
                let has_detail = reject.code == ErrorCode::F08AmountTooLarge;
                let too_large = if has_detail { AmountTooLarge::parse(reject.data) } else { None };
                Verdict::Rejected { code: reject.code, too_large }
            }
        };
        let plaintext = match verdict {
            Verdict::WrongFulfillment => None,
            _ => self.keys.open(reply.data()).ok(),
        };
        Reading { verdict, sequence, plaintext }
    }
}

impl Reading {
    /// The STREAM reply, if the receiver itself wrote it as the reply to this packet.
    ///
    /// A reply that was made for a Fulfill is also accepted inside a Reject. The opposite is not accepted, because it
    /// could make a rejected packet look delivered.
    pub fn stream(&self) -> Option<StreamPacket<'_>> {
        let packet = StreamPacket::parse(self.plaintext.as_deref()?).ok()?;
        let is_reply = match PacketType::from_octet(packet.ilp_packet_type) {
            Some(PacketType::Fulfill) => true,
            Some(PacketType::Reject) => self.verdict != Verdict::Fulfilled,
            Some(PacketType::Prepare) | None => false,
        };
        (is_reply && packet.sequence == self.sequence).then_some(packet)
    }

    /// Whether the receiver has seen the packet. This is certain after a Fulfill. After a Reject it is certain only if
    /// the receiver itself answered.
    pub fn is_authentic(&self) -> bool {
        self.verdict == Verdict::Fulfilled || self.stream().is_some()
    }
}
