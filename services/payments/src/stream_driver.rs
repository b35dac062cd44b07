//! Runs the pure state machines of `stream-pay`: sends their packets and waits as long as they ask.
//!
//! The machines decide what is sent. At most as many packets are under way as the machine allows.

use std::future::Future;

use clock::{Clock, Entropy, Timestamp};
use futures::future::FusedFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use stream_pay::{Closer, NoQuote, OutgoingPrepare, Payment, Poll, Quote, Quoting};

/// A state machine that sends packets.
pub(crate) trait Machine {
    type Outcome;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Outcome>;
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]);
    /// Sends nothing more. Machines that send only a few packets go on.
    fn stop(&mut self) {}
}

/// Runs `machine` to its end. `send` returns the octets of the reply, or `None` if the outcome is unknown; the machine
/// then gives the packet up when it expires. The packets of `ahead`, which the machine made earlier, are sent first. When
/// `stop` resolves, the machine is stopped.
pub(crate) async fn drive<M, F>(
    machine: &mut M,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    ahead: Option<OutgoingPrepare>,
    mut send: impl FnMut(OutgoingPrepare) -> F,
    mut replied: impl FnMut(&mut M, u64),
    stop: impl Future<Output = ()>,
) -> M::Outcome
where
    M: Machine,
    F: Future<Output = (u64, Option<Vec<u8>>)>,
{
    let mut stop = std::pin::pin!(stop.fuse());
    let mut under_way: FuturesUnordered<F> = ahead.into_iter().map(&mut send).collect();

    loop {
        let until = match machine.poll(clock.wall(), entropy) {
            Poll::Send(packet) => {
                under_way.push(send(packet));
                continue;
            }
            Poll::WaitUntil(until) => until,
            Poll::Done(outcome) => return outcome,
        };

        let pause = until.saturating_since(clock.wall());
        tokio::select! {
            // If both are ready, nothing is sent between them.
            biased;
            () = &mut stop, if !stop.is_terminated() => machine.stop(),
            Some((sequence, reply)) = under_way.next() => {
                if let Some(octets) = reply {
                    machine.reply(clock.wall(), sequence, &octets);
                    replied(machine, sequence);
                }
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Machine for Quoting {
    type Outcome = Result<Quote, NoQuote>;
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Outcome> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(now, sequence, octets);
    }
}

impl Machine for Payment {
    type Outcome = stream_pay::Outcome;
    fn stop(&mut self) {
        Self::stop(self);
    }
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<Self::Outcome> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, now: Timestamp, sequence: u64, octets: &[u8]) {
        self.handle_reply(now, sequence, octets);
    }
}

impl Machine for Closer {
    type Outcome = ();
    fn poll(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Poll<()> {
        self.poll_prepare(now, entropy)
    }
    fn reply(&mut self, _: Timestamp, sequence: u64, _: &[u8]) {
        self.handle_reply(sequence);
    }
}
