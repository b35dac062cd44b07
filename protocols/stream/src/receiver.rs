//! The receiving end (RFC 29, sections 4.2 and 6): credentials out, and for each Prepare either the reply or the
//! question whether to take the money.
//!
//! Stateless. Nothing is counted and no expiry is kept here: what has been received, and what may still be received, is
//! known to the ledger, and the caller says it where it matters.

use std::sync::Arc;

use clock::{Entropy, Timestamp};
use ilp_packet::{Address, AddressRef, ErrorCode, Fulfill, Fulfillment, PacketType, Prepare, Reject};
use sha2::{Digest, Sha256};

use crate::STREAM_ID;
use crate::address_token::{ConnectionDetails, Credentials, CredentialsError, ReceiverSecret};
use crate::crypto::{ConnectionKeys, Iv};
use crate::frame::{CloseCode, Frame};
use crate::packet::{Header, StreamPacket};
use crate::receipt::Receipt;

/// How a packet is refused that cannot be fulfilled or carries less than its sender wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RejectStyle {
    /// F05 and F04, as Rafiki 2.4 does. Most published senders read no amounts in them and give up.
    Specific,
    /// F99 in both cases, whose data every published sender reads.
    #[default]
    ApplicationError,
}

/// Receives for one base address.
#[derive(Clone, Debug)]
pub struct StreamReceiver {
    secret: ReceiverSecret,
    address: Address,
    style: RejectStyle,
}

/// Why a destination has no connection here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoConnection {
    /// The destination is not below the receiver's address.
    #[error("the destination is not below the address of this receiver")]
    Elsewhere,
    /// It is, but the segment that follows was not issued by this receiver.
    #[error("the destination was not issued by this receiver")]
    UnknownToken,
}

/// The connection a destination stands for, its keys derived. Cheap to clone and worth keeping while packets arrive.
#[derive(Clone, Debug)]
pub struct Connection(Arc<ConnectionState>);

#[derive(Debug)]
struct ConnectionState {
    details: ConnectionDetails,
    keys: ConnectionKeys,
    receiver: Address,
    style: RejectStyle,
}

/// The digest of a complete destination; packets of one connection share it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId([u8; 32]);

/// What is to be done with a Prepare.
#[derive(Debug)]
pub enum Decision {
    /// Send this reply; no money moves.
    Reply(Vec<u8>),
    /// The packet can be fulfilled; the caller decides whether it is.
    Money(Money),
}

/// Money that may be taken by fulfilling, or declined.
#[derive(Debug)]
#[must_use = "the sender waits for a reply"]
pub struct Money {
    amount: u64,
    minimum: u64,
    fulfillment: Fulfillment,
    stream_data: Vec<(u64, Vec<u8>)>,
    reply: ReplyContext,
    receive_max: Option<ReceiveLimit>,
}

/// What a payment takes in all, and what it has taken so far, amounts being posted included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveLimit {
    /// The most the payment takes in all.
    pub maximum: u64,
    /// What it has taken so far.
    pub total_received: u64,
}

#[derive(Debug)]
struct ReplyContext {
    connection: Connection,
    sequence: u64,
    amount: u64,
    announces_asset: bool,
    iv: Iv,
}

impl StreamReceiver {
    /// A receiver of this address.
    pub fn new(secret: ReceiverSecret, address: Address) -> Self {
        Self { secret, address, style: RejectStyle::default() }
    }

    /// The same receiver refusing in another style.
    pub fn with_reject_style(self, style: RejectStyle) -> Self {
        Self { style, ..self }
    }

    /// The address all credentials are below.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// New credentials. Each call gives others; all of them stay valid.
    pub fn issue(&self, details: &ConnectionDetails, entropy: &dyn Entropy) -> Result<Credentials, CredentialsError> {
        self.secret.issue(&self.address, details, entropy)
    }

    /// What was put into the credentials of this destination, if they were issued here.
    pub fn decode_tag(&self, destination: AddressRef<'_>) -> Option<ConnectionDetails> {
        self.restore(destination).ok().map(|(details, _)| details)
    }

    /// The connection of a destination. Segments after the token are ignored.
    pub fn connection(&self, destination: AddressRef<'_>) -> Result<Connection, NoConnection> {
        let (details, shared_secret) = self.restore(destination)?;
        let keys = shared_secret.keys();
        Ok(Connection(Arc::new(ConnectionState { details, keys, receiver: self.address.clone(), style: self.style })))
    }

    /// Restores the connection of a Prepare and evaluates it; see [`Connection::evaluate`].
    pub fn evaluate(&self, prepare: &Prepare<'_>, now: Timestamp, entropy: &dyn Entropy) -> Decision {
        let code = match self.connection(prepare.destination) {
            Ok(connection) => return connection.evaluate(prepare, now, entropy),
            Err(NoConnection::Elsewhere) => ErrorCode::F02Unreachable,
            Err(NoConnection::UnknownToken) => ErrorCode::F06UnexpectedPayment,
        };
        Decision::Reply(Reject::new(code, self.address.as_ref()).encode())
    }

    fn restore(&self, destination: AddressRef<'_>) -> Result<(ConnectionDetails, crate::SharedSecret), NoConnection> {
        let below = destination.below(self.address.as_str()).ok_or(NoConnection::Elsewhere)?;
        let token = below.split_once('.').map_or(below, |(token, _)| token);
        self.secret.restore(token).ok_or(NoConnection::UnknownToken)
    }
}

impl Connection {
    /// What was put into the credentials.
    pub fn details(&self) -> &ConnectionDetails {
        &self.0.details
    }

    /// What the money is for, for example an incoming payment.
    pub fn payment_tag(&self) -> Option<&str> {
        self.0.details.payment_tag.as_deref()
    }

    /// Decides about a Prepare to this connection, its amount already in the receiver's asset.
    ///
    /// The checks and their order are those of the published receivers, with one more at the end: money whose packet
    /// has expired is refused (R00), because the previous node would not pay for it.
    pub fn evaluate(&self, prepare: &Prepare<'_>, now: Timestamp, entropy: &dyn Entropy) -> Decision {
        let state = &*self.0;
        let bare = |code| Decision::Reply(Reject::new(code, state.receiver.as_ref()).encode());
        let Ok(plaintext) = state.keys.open(prepare.data) else {
            return bare(ErrorCode::F06UnexpectedPayment);
        };

        let Ok(request) = StreamPacket::parse(&plaintext) else {
            return bare(ErrorCode::F06UnexpectedPayment);
        };
        if request.ilp_packet_type != PacketType::Prepare.octet() {
            return bare(ErrorCode::F00BadRequest);
        }

        let seen = Seen::in_frames(&request);
        let reply = ReplyContext {
            connection: self.clone(),
            sequence: request.sequence,
            amount: prepare.amount,
            announces_asset: seen.new_address,
            iv: entropy.bytes(),
        };

        if seen.close {
            return Decision::Reply(reply.reject_closing());
        }
        let fulfillment = state.keys.fulfillment(prepare.data);
        if !fulfillment.satisfies(&prepare.execution_condition) {
            return Decision::Reply(reply.reject(state.style.code(ErrorCode::F05WrongCondition), &[]));
        }

        if prepare.amount == 0 {
            return Decision::Reply(reply.fulfill(fulfillment, &[]));
        }
        if prepare.amount < request.prepare_amount {
            return Decision::Reply(reply.reject(state.style.code(ErrorCode::F04InsufficientDestinationAmount), &[]));
        }

        if prepare.expires_at < now {
            return Decision::Reply(reply.reject(ErrorCode::R00TransferTimedOut, &[]));
        }
        let stream_data = if seen.data { copy_stream_data(&request) } else { Vec::new() };
        let (amount, minimum) = (prepare.amount, request.prepare_amount);
        Decision::Money(Money { amount, minimum, fulfillment, stream_data, reply, receive_max: None })
    }
}

impl RejectStyle {
    fn code(self, specific: ErrorCode) -> ErrorCode {
        match self {
            Self::Specific => specific,
            Self::ApplicationError => ErrorCode::F99ApplicationError,
        }
    }
}

/// What the frames of a request ask for.
#[derive(Default)]
struct Seen {
    close: bool,
    new_address: bool,
    data: bool,
}

impl Seen {
    fn in_frames(request: &StreamPacket<'_>) -> Self {
        let mut seen = Self::default();
        for frame in request.frames() {
            match frame {
                Frame::ConnectionClose { .. } => seen.close = true,
                Frame::ConnectionNewAddress { .. } => seen.new_address = true,
                Frame::StreamData { .. } => seen.data = true,
                _ => {}
            }
        }
        seen
    }
}

fn copy_stream_data(request: &StreamPacket<'_>) -> Vec<(u64, Vec<u8>)> {
    let data = |frame| match frame {
        Frame::StreamData { stream_id, data, .. } => Some((stream_id, data.to_vec())),
        _ => None,
    };
    request.frames().filter_map(data).collect()
}

impl Money {
    /// What arrived, in the smallest unit of the receiver's asset.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// The least the sender wants to arrive of the packet; never above what did.
    pub fn minimum(&self) -> u64 {
        self.minimum
    }

    /// What the money is for, for example an incoming payment.
    pub fn payment_tag(&self) -> Option<&str> {
        self.reply.connection.payment_tag()
    }

    /// The contents of the StreamData frames, each with its stream, in order.
    pub fn stream_data(&self) -> &[(u64, Vec<u8>)] {
        &self.stream_data
    }

    /// Puts the limit into the reply (StreamMaxMoney).
    ///
    /// Published senders end a payment whose target is above the maximum, so announce only what is really meant.
    pub fn announcing(self, limit: ReceiveLimit) -> Self {
        Self { receive_max: Some(limit), ..self }
    }

    /// The Fulfill. Send it only after the money is posted.
    ///
    /// `total_received` is what the connection has received, including this packet. It becomes a receipt if the sender
    /// requested receipts with its credentials, and has no effect otherwise.
    pub fn accept(self, total_received: Option<u64>) -> Vec<u8> {
        let receipt = total_received.and_then(|total| self.receipt(total));
        let frames =
            [receipt.as_ref().map(|receipt| Frame::StreamReceipt { stream_id: STREAM_ID, receipt }), self.max_money()];
        self.reply.fulfill(self.fulfillment, &frames)
    }

    /// A T00: the sender may try again.
    pub fn decline_temporarily(self) -> Vec<u8> {
        self.reply.reject(ErrorCode::T00InternalError, &[self.max_money()])
    }

    /// An F99 that closes the connection; `reason` is for the application at the other end and may be empty.
    pub fn decline_finally(self, reason: &[u8]) -> Vec<u8> {
        let reason =
            (!reason.is_empty()).then_some(Frame::StreamData { stream_id: STREAM_ID, offset: 0, data: reason });
        self.reply.reject(ErrorCode::F99ApplicationError, &[Some(CLOSE), reason])
    }

    fn receipt(&self, total_received: u64) -> Option<[u8; 58]> {
        let setup = self.reply.connection.details().receipts.as_ref()?;
        let receipt = Receipt { nonce: setup.nonce, stream_id: 1, total_received };
        Some(receipt.issue(&setup.secret))
    }

    fn max_money(&self) -> Option<Frame<'static>> {
        self.receive_max.map(|limit| Frame::StreamMaxMoney {
            stream_id: STREAM_ID,
            receive_max: limit.maximum,
            total_received: limit.total_received,
        })
    }
}

const CLOSE: Frame<'static> = Frame::ConnectionClose { code: CloseCode::NoError, message: b"" };

impl ReplyContext {
    fn fulfill(&self, fulfillment: Fulfillment, frames: &[Option<Frame<'_>>]) -> Vec<u8> {
        let data = self.data(PacketType::Fulfill, frames);
        Fulfill { fulfillment, data: &data }.encode()
    }

    fn reject(&self, code: ErrorCode, frames: &[Option<Frame<'_>>]) -> Vec<u8> {
        let data = self.data(PacketType::Reject, frames);
        Reject::new(code, self.connection.0.receiver.as_ref()).with_data(&data).encode()
    }

    /// The answer to a close; it closes and says nothing else.
    fn reject_closing(self) -> Vec<u8> {
        Self { announces_asset: false, ..self }.reject(ErrorCode::F99ApplicationError, &[Some(CLOSE)])
    }

    fn data(&self, ilp_packet_type: PacketType, frames: &[Option<Frame<'_>>]) -> Vec<u8> {
        let state = &*self.connection.0;
        let asset = state.details.asset.as_ref().filter(|_| self.announces_asset);
        let asset = asset
            .map(|asset| Frame::ConnectionAssetDetails { asset_code: asset.code.as_bytes(), asset_scale: asset.scale });
        let frames: Vec<_> = asset.into_iter().chain(frames.iter().copied().flatten()).collect();
        let header = Header { sequence: self.sequence, ilp_packet_type, prepare_amount: self.amount };
        header.seal(&frames, &state.keys, self.iv)
    }
}

impl ConnectionId {
    /// The id of the connection of a destination. Extra segments make another id.
    pub fn of(destination: AddressRef<'_>) -> Self {
        Self(Sha256::digest(destination.as_str()).into())
    }

    /// The 32 octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl std::fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
