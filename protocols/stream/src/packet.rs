//! The STREAM packet inside the encrypted envelope (RFC 29, section 5.2).
//! The envelope is in `crypto`; what a packet means is in `receiver` and `sender`.

use ilp_packet::PacketType;
use ilp_packet::oer::{self, OerError, Reader};

use crate::crypto::{ConnectionKeys, ENVELOPE_OVERHEAD, Iv};
use crate::frame::Frame;

const VERSION: u8 = 1;
const FRAME_COUNT_OCTETS_MAX: usize = 6;

/// Why octets are not a STREAM packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The version is not 1.
    #[error("STREAM version {0} is not supported; version 1 is")]
    Version(u8),
    /// The number of frames has no octets, or more than six.
    #[error("the number of frames has 1 to 6 octets")]
    FrameCount,
    /// A field or frame is malformed.
    #[error(transparent)]
    Field(#[from] OerError),
}

/// A valid packet, borrowed from its plaintext.
#[derive(Clone, Debug)]
pub struct StreamPacket<'a> {
    /// Chosen by the sender of the Prepare, repeated in the reply.
    pub sequence: u64,
    /// The type of the ILP packet that should carry this one. It may be any octet; the user of the packet checks it.
    pub ilp_packet_type: u8,
    /// In a Prepare, the least amount that the receiver should accept. In a reply, the amount that arrived.
    pub prepare_amount: u64,
    frames: Frames<'a>,
}

/// The frames of a valid packet, in order. Unknown frames are left out.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    remaining: u64,
    reader: FrameReader<'a>,
}

#[derive(Clone, Debug)]
struct FrameReader<'a>(&'a [u8]);

impl<'a> FrameReader<'a> {
    fn next(&mut self) -> Result<Option<Frame<'a>>, OerError> {
        let mut reader = Reader::new(self.0);
        let kind = reader.u8()?;
        let contents = reader.var_octets()?;
        self.0 = reader.rest();
        Frame::parse(kind, contents)
    }
}

impl<'a> StreamPacket<'a> {
    /// Parses a plaintext and checks every frame. Octets after the last frame are ignored.
    pub fn parse(plaintext: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(plaintext);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(ParseError::Version(version));
        }
        let ilp_packet_type = reader.u8()?;
        let sequence = reader.var_uint()?;
        let prepare_amount = reader.var_uint()?;
        let count = reader.var_octets()?;
        if count.is_empty() || count.len() > FRAME_COUNT_OCTETS_MAX {
            return Err(ParseError::FrameCount);
        }
        let remaining = count.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
        let frames = Frames { remaining, reader: FrameReader(reader.rest()) };
        // If the count is larger than the input, the loop ends at the first missing frame. So the input bounds it.
        let mut check = frames.reader.clone();
        for _ in 0..remaining {
            check.next()?;
        }
        Ok(Self { sequence, ilp_packet_type, prepare_amount, frames })
    }

    /// The known frames in order.
    pub fn frames(&self) -> Frames<'a> {
        self.frames.clone()
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        while self.remaining > 0 {
            self.remaining -= 1;
            // The same octets were parsed successfully before.
            if let Some(frame) = self.reader.next().ok()? {
                return Some(frame);
            }
        }
        None
    }
}

/// A packet to be written, without its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Chosen by the sender of the Prepare, repeated in the reply.
    pub sequence: u64,
    /// The type of the ILP packet that will carry this one.
    pub ilp_packet_type: PacketType,
    /// In a Prepare, the least amount that the receiver should accept. In a reply, the amount that arrived.
    pub prepare_amount: u64,
}

impl Header {
    /// The plaintext of a packet.
    pub fn encode(&self, frames: &[Frame<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out, frames);
        out
    }

    /// The encrypted packet, ready to be the data of an ILP packet.
    pub fn seal(&self, frames: &[Frame<'_>], keys: &ConnectionKeys, iv: Iv) -> Vec<u8> {
        // There is room for the usual frames, so the buffer does not grow while a packet is written.
        let mut out = Vec::with_capacity(ENVELOPE_OVERHEAD + 128);
        out.resize(ENVELOPE_OVERHEAD, 0);
        self.put(&mut out, frames);
        keys.seal(iv, &mut out);
        out
    }

    fn put(&self, out: &mut Vec<u8>, frames: &[Frame<'_>]) {
        out.push(VERSION);
        out.push(self.ilp_packet_type.octet());
        oer::put_var_uint(out, self.sequence);
        oer::put_var_uint(out, self.prepare_amount);
        oer::put_var_uint(out, frames.len() as u64);
        for frame in frames {
            frame.put(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::CloseCode;
    use proptest::prelude::*;

    type Seed = (u8, u64, u64, u64, Vec<u8>);

    /// A frame of each kind. The plain values own what the frame borrows.
    fn frame((kind, a, b, c, octets): &Seed) -> Frame<'_> {
        let (a, b, c, octet) = (*a, *b, *c, a.to_le_bytes()[0]);
        let code = CloseCode::from_octet(octet);
        match kind % 15 {
            0 => Frame::ConnectionClose { code, message: octets },
            1 => Frame::ConnectionNewAddress { source_account: octets },
            2 => Frame::ConnectionMaxData { max_offset: a },
            3 => Frame::ConnectionDataBlocked { max_offset: a },
            4 => Frame::ConnectionMaxStreamId { max_stream_id: a },
            5 => Frame::ConnectionStreamIdBlocked { max_stream_id: a },
            6 => Frame::ConnectionAssetDetails { asset_code: octets, asset_scale: octet },
            7 => Frame::StreamClose { stream_id: b, code, message: octets },
            8 => Frame::StreamMoney { stream_id: a, shares: b },
            9 => Frame::StreamMaxMoney { stream_id: a, receive_max: b, total_received: c },
            10 => Frame::StreamMoneyBlocked { stream_id: a, send_max: b, total_sent: c },
            11 => Frame::StreamData { stream_id: a, offset: b, data: octets },
            12 => Frame::StreamMaxData { stream_id: a, max_offset: b },
            13 => Frame::StreamDataBlocked { stream_id: a, max_offset: b },
            _ => Frame::StreamReceipt { stream_id: a, receipt: octets },
        }
    }

    fn seeds() -> impl Strategy<Value = Vec<Seed>> {
        let octets = prop::collection::vec(any::<u8>(), 0..200);
        prop::collection::vec((any::<u8>(), any::<u64>(), any::<u64>(), any::<u64>(), octets), 0..20)
    }

    proptest! {
        #[test]
        fn a_packet_is_read_back_as_written(
            seeds in seeds(), sequence in any::<u64>(), prepare_amount in any::<u64>(),
            padding in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let frames: Vec<_> = seeds.iter().map(frame).collect();
            let header = Header { sequence, ilp_packet_type: PacketType::Prepare, prepare_amount };
            let mut plaintext = header.encode(&frames);
            plaintext.extend_from_slice(&padding);
            let packet = StreamPacket::parse(&plaintext).unwrap();
            prop_assert_eq!((packet.sequence, packet.ilp_packet_type, packet.prepare_amount), (sequence, 12, prepare_amount));
            prop_assert_eq!(packet.frames().collect::<Vec<_>>(), frames);
        }

        #[test]
        fn no_octets_make_the_parser_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = StreamPacket::parse(&octets) {
                packet.frames().for_each(drop);
            }
        }

        #[test]
        fn a_damaged_packet_never_panics(seeds in seeds(), at in any::<prop::sample::Index>(), value in any::<u8>()) {
            let frames: Vec<_> = seeds.iter().map(frame).collect();
            let header = Header { sequence: 1, ilp_packet_type: PacketType::Fulfill, prepare_amount: 2 };
            let mut plaintext = header.encode(&frames);
            let at = at.index(plaintext.len());
            plaintext[at] = value;
            if let Ok(packet) = StreamPacket::parse(&plaintext) {
                packet.frames().for_each(drop);
            }
        }
    }
}
