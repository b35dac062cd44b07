//! Closes a connection: one packet tells the receiver that nothing more will come (RFC 29, section 4.6).
//! The payment itself is not ended here; `payment` does that before.

use clock::{Entropy, Timestamp};
use stream::{CloseCode, Frame, Sender};

use crate::control::{PACKET_LIFE, control_frames, control_request};
use crate::poll::{OutgoingPrepare, Poll};

/// A connection that is being closed. It is closed after any reply, and also without a reply.
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
        let frames = control_frames(Frame::ConnectionClose { code: CloseCode::NoError, message: b"" });
        let request = control_request(expires_at, &frames);
        self.state = State::Closed;
        let packet = self.sender.make(&request, entropy).ok()?;
        self.state = State::AwaitingReply { sequence: packet.sequence, expires_at };
        Some(OutgoingPrepare { sequence: packet.sequence, packet: packet.prepare, expires_at })
    }
}
