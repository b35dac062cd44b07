//! Closing a connection: one packet that says to the receiver that nothing more will come (RFC 29, section 4.6).

use clock::{Entropy, Timestamp};
use std::time::Duration;
use stream::{CloseCode, Frame, Hashlock, Request, STREAM_ID, Sender};

use crate::poll::{OutgoingPrepare, Poll};

const PACKET_LIFE: Duration = Duration::from_secs(20);

/// A connection being closed. Best effort: whatever the reply, and also without one, it is closed.
#[derive(Debug)]
pub struct Closer {
    sender: Sender,
    state: State,
}

#[derive(Debug)]
enum State {
    Unsent,
    AwaitingReply { sequence: u64, expires_at: Timestamp },
    Closed,
}

impl Closer {
    pub(crate) fn new(sender: Sender) -> Self {
        Self { sender, state: State::Unsent }
    }

    /// The next step.
    pub fn poll_prepare(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<()> {
        match self.state {
            State::Unsent => match self.make(now, entropy) {
                Some(packet) => Poll::Send(packet),
                None => Poll::Done(()),
            },
            State::AwaitingReply { expires_at, .. } if now < expires_at => Poll::WaitUntil(expires_at),
            State::AwaitingReply { .. } | State::Closed => Poll::Done(()),
        }
    }

    /// Takes the reply.
    pub fn handle_reply(&mut self, sequence: u64) {
        if matches!(self.state, State::AwaitingReply { sequence: awaited, .. } if awaited == sequence) {
            self.state = State::Closed;
        }
    }

    fn make(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Option<OutgoingPrepare> {
        let expires_at = now + PACKET_LIFE;
        let request = Request {
            source_amount: 0,
            min_destination_amount: 0,
            hashlock: Hashlock::Unfulfillable,
            expires_at,
            frames: &[
                Frame::ConnectionMaxStreamId { max_stream_id: STREAM_ID },
                Frame::ConnectionMaxData { max_offset: 0 },
                Frame::ConnectionClose { code: CloseCode::NoError, message: b"" },
            ],
        };
        self.state = State::Closed;
        let packet = self.sender.make(&request, entropy).ok()?;
        self.state = State::AwaitingReply { sequence: packet.sequence, expires_at };
        Some(OutgoingPrepare { sequence: packet.sequence, packet: packet.prepare, expires_at })
    }
}
