//! The receiving end (RFC 29, sections 4.2 and 6). It issues credentials. For each Prepare it gives the reply, or asks
//! the caller whether to take the money.
//!
//! It is stateless: it counts nothing and keeps no expiry. The ledger knows what has been received and how much more
//! may be received. The caller passes these amounts in.

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

/// How a packet is refused if it cannot be fulfilled, or if it carries less than its sender wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RejectStyle {
    /// F05 and F04, as in Rafiki 2.4. Most published senders read no amounts in them and give up.
    Specific,
    /// F99 in both cases. Every published sender reads its data.
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
    #[error("the destination does not begin with the address of this receiver")]
    Elsewhere,
    /// It is below, but this receiver did not issue the segment that follows.
    #[error("the destination was not issued by this receiver")]
    UnknownToken,
}

/// The connection of a destination, with its keys derived. A clone is cheap. It is worth keeping while packets arrive.
#[derive(Clone, Debug)]
pub struct Connection(Arc<ConnectionState>);

#[derive(Debug)]
struct ConnectionState {
    details: ConnectionDetails,
    keys: ConnectionKeys,
    receiver: Address,
    style: RejectStyle,
}

/// The digest of a complete destination. All packets of one connection have the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId([u8; 32]);

/// What to do with a Prepare.
#[derive(Debug)]
pub enum Decision {
    /// Send this reply; no money moves.
    Reply(Vec<u8>),
    /// The packet can be fulfilled; the caller decides whether it is.
    Money(Money),
}

/// Money that the caller takes by fulfilling, or declines.
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

/// What a payment accepts in total, and what it has received. Amounts that are being posted count as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveLimit {
    /// The most that the payment accepts in total.
    pub maximum: u64,
    /// What it has received so far.
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

    /// The same receiver, with another style of refusals.
    pub fn with_reject_style(self, style: RejectStyle) -> Self {
        Self { style, ..self }
    }

    /// The address below which all credentials are.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// New credentials. Each call makes different ones, and all of them stay valid.
    pub fn issue(&self, details: &ConnectionDetails, entropy: &dyn Entropy) -> Result<Credentials, CredentialsError> {
        self.secret.issue(&self.address, details, entropy)
    }

    /// The details in the credentials of this destination, if this receiver issued them.
    pub fn decode_tag(&self, destination: AddressRef<'_>) -> Option<ConnectionDetails> {
        self.restore(destination).ok().map(|(details, _)| details)
    }

    /// The connection of a destination. Segments after the token are ignored.
    pub fn connection(&self, destination: AddressRef<'_>) -> Result<Connection, NoConnection> {
        let (details, shared_secret) = self.restore(destination)?;
        let keys = shared_secret.keys();
        Ok(Connection(Arc::new(ConnectionState { details, keys, receiver: self.address.clone(), style: self.style })))
    }

    /// Finds the connection of a Prepare and evaluates it; see [`Connection::evaluate`].
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
    /// The details in the credentials.
    pub fn details(&self) -> &ConnectionDetails {
        &self.0.details
    }

    /// The purpose of the money, for example the id of an incoming payment.
    pub fn payment_tag(&self) -> Option<&str> {
        self.0.details.payment_tag.as_deref()
    }

    /// Decides about a Prepare to this connection. Its amount is in the receiver's asset already.
    ///
    /// The checks and their order are those of the published receivers. One check is added at the end: money of an
    /// expired packet is refused (R00), because the previous node would not pay for it.
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

    /// The least amount of this packet that the sender wants to arrive. It is never above the amount that arrived.
    pub fn minimum(&self) -> u64 {
        self.minimum
    }

    /// The purpose of the money, for example the id of an incoming payment.
    pub fn payment_tag(&self) -> Option<&str> {
        self.reply.connection.payment_tag()
    }

    /// The contents of the StreamData frames in order, each with its stream.
    pub fn stream_data(&self) -> &[(u64, Vec<u8>)] {
        &self.stream_data
    }

    /// Puts the limit into the reply (StreamMaxMoney).
    ///
    /// Published senders end a payment if its target is above the maximum. So announce only a maximum that is meant to
    /// last.
    pub fn announcing(self, limit: ReceiveLimit) -> Self {
        Self { receive_max: Some(limit), ..self }
    }

    /// The Fulfill. Send it only after the transfer is posted.
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

    /// The answer to a close. It closes the connection and contains nothing else.
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
    /// The id of the connection of a destination. Additional segments give another id.
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
