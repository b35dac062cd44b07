//! The frames that a STREAM packet carries (RFC 29, section 5.3).
//! The packet around them is in `packet`; what the frames mean for a payment is in `receiver` and `stream-pay`.

use ilp_packet::oer::{self, OerError, Reader};

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $octet:literal,)*) => {
        /// Why a connection or stream is closed (RFC 29, section 5.4).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CloseCode {
            $($(#[$doc])* $name,)*
            /// A code outside the table.
            Other(u8),
        }

        impl CloseCode {
            /// The code as an octet.
            pub const fn octet(self) -> u8 {
                match self {
                    $(Self::$name => $octet,)*
                    Self::Other(octet) => octet,
                }
            }

            /// The code that an octet stands for.
            pub const fn from_octet(octet: u8) -> Self {
                match octet {
                    $($octet => Self::$name,)*
                    other => Self::Other(other),
                }
            }
        }
    };
}

close_codes! {
    /// Closed as planned.
    NoError = 1,
    /// Something failed inside the endpoint.
    InternalError = 2,
    /// The endpoint is overloaded.
    EndpointBusy = 3,
    /// The peer sent more than was allowed.
    FlowControlError = 4,
    /// A stream has an impossible number.
    StreamIdError = 5,
    /// A frame is for a stream in a wrong state.
    StreamStateError = 6,
    /// A malformed frame.
    FrameFormatError = 7,
    /// The peer broke another rule.
    ProtocolViolation = 8,
    /// Closed by the application.
    ApplicationError = 9,
}

/// One frame, borrowed from its packet. Texts are octets. By convention they are UTF-8, but this is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// 0x01, RFC 29 section 5.3.1: the connection ends.
    ConnectionClose {
        /// Why.
        code: CloseCode,
        /// For people; may be empty.
        message: &'a [u8],
    },
    /// 0x02, RFC 29 section 5.3.2: the address of the peer, or empty.
    ConnectionNewAddress {
        /// The ILP address of the sender. It is not checked.
        source_account: &'a [u8],
    },
    /// 0x03, RFC 29 section 5.3.3: how much data the peer may send on all streams.
    ConnectionMaxData {
        /// Octets on all streams together.
        max_offset: u64,
    },
    /// 0x04, RFC 29 section 5.3.4: the peer has more data to send.
    ConnectionDataBlocked {
        /// How many octets it wants to send on all streams together.
        max_offset: u64,
    },
    /// 0x05, RFC 29 section 5.3.5: the highest stream the peer may open.
    ConnectionMaxStreamId {
        /// The highest id.
        max_stream_id: u64,
    },
    /// 0x06, RFC 29 section 5.3.6: the peer wants to open more streams.
    ConnectionStreamIdBlocked {
        /// The highest id that it may open.
        max_stream_id: u64,
    },
    /// 0x07, RFC 29 section 5.3.14: the asset of the sender of this frame.
    ConnectionAssetDetails {
        /// Usually an ISO 4217 code.
        asset_code: &'a [u8],
        /// Decimal places of the smallest unit.
        asset_scale: u8,
    },
    /// 0x10, RFC 29 section 5.3.7: a stream ends.
    StreamClose {
        /// The stream.
        stream_id: u64,
        /// Why.
        code: CloseCode,
        /// For people; may be empty.
        message: &'a [u8],
    },
    /// 0x11, RFC 29 section 5.3.8: the share of the packet's amount that goes to a stream.
    StreamMoney {
        /// The stream.
        stream_id: u64,
        /// Its part in the sum of the shares of all StreamMoney frames of the packet.
        shares: u64,
    },
    /// 0x12, RFC 29 section 5.3.9: how much a stream accepts in total, and how much it has received.
    StreamMaxMoney {
        /// The stream.
        stream_id: u64,
        /// The most that it accepts in total. Numbers above 64 bits are read as 2^64−1.
        receive_max: u64,
        /// What it has received.
        total_received: u64,
    },
    /// 0x13, RFC 29 section 5.3.10: how much the peer wants to send, and how much it has sent.
    StreamMoneyBlocked {
        /// The stream.
        stream_id: u64,
        /// What the peer wants to send in total. Numbers above 64 bits are read as 2^64−1.
        send_max: u64,
        /// What it has sent.
        total_sent: u64,
    },
    /// 0x14, RFC 29 section 5.3.11: application data.
    StreamData {
        /// The stream.
        stream_id: u64,
        /// The position of the octets in the stream.
        offset: u64,
        /// The octets.
        data: &'a [u8],
    },
    /// 0x15, RFC 29 section 5.3.12: how much data the peer may send on a stream.
    StreamMaxData {
        /// The stream.
        stream_id: u64,
        /// Octets on this stream.
        max_offset: u64,
    },
    /// 0x16, RFC 29 section 5.3.13: the peer has more data to send on a stream.
    StreamDataBlocked {
        /// The stream.
        stream_id: u64,
        /// How many octets it wants to send on this stream.
        max_offset: u64,
    },
    /// 0x17, RFC 29 section 5.3.15: a receipt for a stream; see [`crate::Receipt`].
    StreamReceipt {
        /// The stream.
        stream_id: u64,
        /// 58 octets.
        receipt: &'a [u8],
    },
}

impl<'a> Frame<'a> {
    /// Parses the contents of a frame of type `kind`. `None` for a type that this version does not know.
    pub(crate) fn parse(kind: u8, contents: &'a [u8]) -> Result<Option<Self>, OerError> {
        let mut reader = Reader::new(contents);
        let r = &mut reader;
        let frame = match kind {
            0x01 => Self::ConnectionClose { code: CloseCode::from_octet(r.u8()?), message: r.var_octets()? },
            0x02 => Self::ConnectionNewAddress { source_account: r.var_octets()? },
            0x03 => Self::ConnectionMaxData { max_offset: r.var_uint()? },
            0x04 => Self::ConnectionDataBlocked { max_offset: r.var_uint()? },
            0x05 => Self::ConnectionMaxStreamId { max_stream_id: r.var_uint()? },
            0x06 => Self::ConnectionStreamIdBlocked { max_stream_id: r.var_uint()? },
            0x07 => Self::ConnectionAssetDetails { asset_code: r.var_octets()?, asset_scale: r.u8()? },
            0x10 => Self::StreamClose {
                stream_id: r.var_uint()?,
                code: CloseCode::from_octet(r.u8()?),
                message: r.var_octets()?,
            },
            0x11 => Self::StreamMoney { stream_id: r.var_uint()?, shares: r.var_uint()? },
            0x12 => Self::StreamMaxMoney {
                stream_id: r.var_uint()?,
                receive_max: r.var_uint_saturating()?,
                total_received: r.var_uint()?,
            },
            0x13 => Self::StreamMoneyBlocked {
                stream_id: r.var_uint()?,
                send_max: r.var_uint_saturating()?,
                total_sent: r.var_uint()?,
            },
            0x14 => Self::StreamData { stream_id: r.var_uint()?, offset: r.var_uint()?, data: r.var_octets()? },
            0x15 => Self::StreamMaxData { stream_id: r.var_uint()?, max_offset: r.var_uint()? },
            0x16 => Self::StreamDataBlocked { stream_id: r.var_uint()?, max_offset: r.var_uint()? },
            0x17 => Self::StreamReceipt { stream_id: r.var_uint()?, receipt: r.var_octets()? },
            _ => return Ok(None),
        };

        Ok(Some(frame))
    }

    /// The type octet.
    pub fn kind(&self) -> u8 {
        match self {
            Self::ConnectionClose { .. } => 0x01,
            Self::ConnectionNewAddress { .. } => 0x02,
            Self::ConnectionMaxData { .. } => 0x03,
            Self::ConnectionDataBlocked { .. } => 0x04,
            Self::ConnectionMaxStreamId { .. } => 0x05,
            Self::ConnectionStreamIdBlocked { .. } => 0x06,
            Self::ConnectionAssetDetails { .. } => 0x07,
            Self::StreamClose { .. } => 0x10,
            Self::StreamMoney { .. } => 0x11,
            Self::StreamMaxMoney { .. } => 0x12,
            Self::StreamMoneyBlocked { .. } => 0x13,
            Self::StreamData { .. } => 0x14,
            Self::StreamMaxData { .. } => 0x15,
            Self::StreamDataBlocked { .. } => 0x16,
            Self::StreamReceipt { .. } => 0x17,
        }
    }

    /// Appends type, length and contents.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.push(self.kind());
        let fields = self.fields();
        oer::put_length(out, fields.iter().map(Field::length).sum());
        for field in &fields {
            field.put(out);
        }
    }

    /// The contents in order. Frames have three fields at most; missing ones are empty.
    fn fields(&self) -> [Field<'a>; 3] {
        use Field::{Int, None, Octet, Octets};
        match *self {
            Self::ConnectionClose { code, message } => [Octet(code.octet()), Octets(message), None],
            Self::ConnectionNewAddress { source_account } => [Octets(source_account), None, None],
            Self::ConnectionMaxData { max_offset: value }
            | Self::ConnectionDataBlocked { max_offset: value }
            | Self::ConnectionMaxStreamId { max_stream_id: value }
            | Self::ConnectionStreamIdBlocked { max_stream_id: value } => [Int(value), None, None],
            Self::ConnectionAssetDetails { asset_code, asset_scale } => [Octets(asset_code), Octet(asset_scale), None],
            Self::StreamClose { stream_id, code, message } => [Int(stream_id), Octet(code.octet()), Octets(message)],
            Self::StreamMoney { stream_id, shares } => [Int(stream_id), Int(shares), None],
            Self::StreamMaxMoney { stream_id, receive_max, total_received } => {
                [Int(stream_id), Int(receive_max), Int(total_received)]
            }
            Self::StreamMoneyBlocked { stream_id, send_max, total_sent } => {
                [Int(stream_id), Int(send_max), Int(total_sent)]
            }
            Self::StreamData { stream_id, offset, data } => [Int(stream_id), Int(offset), Octets(data)],
            Self::StreamMaxData { stream_id, max_offset } | Self::StreamDataBlocked { stream_id, max_offset } => {
                [Int(stream_id), Int(max_offset), None]
            }
            Self::StreamReceipt { stream_id, receipt } => [Int(stream_id), Octets(receipt), None],
        }
    }
}

enum Field<'a> {
    None,
    Octet(u8),
    Int(u64),
    Octets(&'a [u8]),
}

impl Field<'_> {
    fn length(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Octet(_) => 1,
            Self::Int(value) => oer::var_uint_length(*value),
            Self::Octets(octets) => oer::var_octets_length(octets.len()),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Octet(octet) => out.push(*octet),
            Self::Int(value) => oer::put_var_uint(out, *value),
            Self::Octets(octets) => oer::put_var_octets(out, octets),
        }
    }
}
