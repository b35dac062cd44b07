//! STREAM (RFC 29): packets and frames, encryption, receiver credentials, and both ends of a connection.
//!
//! It has no input or output: octets, instants and random octets go in, octets and decisions come out. `stream-pay`
//! decides how much to send and when. The connector handles received money.

#![warn(missing_docs)]

mod address_token;
mod crypto;
mod frame;
mod packet;
mod receipt;
mod receiver;
mod sender;

pub use address_token::{
    AssetDetails, ConnectionDetails, Credentials, CredentialsError, InvalidReceiverSecret, ReceiptSetup, ReceiverSecret,
};
pub use crypto::{ConnectionKeys, ENVELOPE_OVERHEAD, InvalidSharedSecret, Iv, SharedSecret, Unreadable};
pub use frame::{CloseCode, Frame};
pub use packet::{Frames, Header, ParseError, StreamPacket};
pub use receipt::{Receipt, ReceiptError};
pub use receiver::{
    Connection, ConnectionId, Decision, Money, NoConnection, ReceiveLimit, RejectStyle, StreamReceiver,
};
pub use sender::{Hashlock, OutgoingPacket, Reading, Request, SendError, Sender, Verdict};

/// The stream that every payment uses. Published senders use no other.
pub const STREAM_ID: u64 = 1;
