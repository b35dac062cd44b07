//! How many packets may be outstanding, and how long to pause after temporary refusals (RFC 27).
//! The size of packets is in `packet_limit`.
//!
//! While replies are good, packets are not spaced in time. Only the window limits them, so a payment of a few packets
//! takes one round trip. The published senders send 40 packets per second at first, with 20 outstanding. The window
//! also starts at 20. It grows with each fulfilled packet, and shrinks on temporary refusals, once per round trip.

use std::time::Duration;

use clock::Timestamp;

const START: u32 = 20;
const MAX: u32 = 256;
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(crate) struct Window {
    size: u32,
    /// Above this size the window grows by one per round trip and no longer by one per packet.
    threshold: u32,
    grown: u32,
    /// Packets before this one were sent before the last pause, so their refusals are not news.
    news_from: u64,
    pause: Duration,
    not_before: Timestamp,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            size: START,
            threshold: MAX,
            grown: 0,
            news_from: 0,
            pause: PAUSE_MIN,
            not_before: Timestamp::from_millis(i64::MIN),
        }
    }

    /// When the next packet may be sent; `None` while `outstanding` packets fill the window.
    pub(crate) fn opens_at(&self, outstanding: usize) -> Option<Timestamp> {
        let open = u32::try_from(outstanding).is_ok_and(|outstanding| outstanding < self.size);
        open.then_some(self.not_before)
    }

    /// A packet has served its purpose.
    pub(crate) fn succeeded(&mut self) {
        self.pause = PAUSE_MIN;
        self.grown += 1;
        if self.size < self.threshold || self.grown >= self.size {
            self.size = (self.size + 1).min(MAX);
            self.grown = 0;
        }
    }

    /// The path refused temporarily. Fewer packets are sent, after a pause that doubles while nothing succeeds.
    pub(crate) fn congested(&mut self, sequence: u64, next_sequence: u64, now: Timestamp) {
        if sequence < self.news_from {
            return;
        }
        self.size = (self.size / 2).max(1);
        self.threshold = self.size;
        self.grown = 0;
        self.unproductive(sequence, next_sequence, now);
    }

    /// The refusal showed what to change, so no pause is needed.
    pub(crate) fn go_on(&mut self) {
        self.pause = PAUSE_MIN;
        self.not_before = Timestamp::from_millis(i64::MIN);
    }

    /// A packet achieved nothing, and repeating it at once would achieve nothing either.
    pub(crate) fn unproductive(&mut self, sequence: u64, next_sequence: u64, now: Timestamp) {
        if sequence < self.news_from {
            return;
        }
        self.news_from = next_sequence;
        self.not_before = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    #[test]
    fn a_burst_of_refusals_counts_once_and_the_next_pause_is_longer() {
        let mut window = Window::new();
        for sequence in 0..20 {
            window.congested(sequence, 20, NOW);
        }
        assert_eq!(window.size, 10);
        assert_eq!(window.opens_at(9), Some(NOW + PAUSE_MIN));
        assert_eq!(window.opens_at(10), None);
        window.congested(20, 21, NOW);
        assert_eq!(window.opens_at(0), Some(NOW + PAUSE_MIN * 2));
        window.succeeded();
        window.congested(21, 22, NOW);
        assert_eq!(window.opens_at(0), Some(NOW + PAUSE_MIN));
    }

    #[test]
    fn the_window_grows_with_success_and_never_beyond_its_bounds() {
        let mut window = Window::new();
        (0..10_000).for_each(|_| window.succeeded());
        assert_eq!(window.size, MAX);
        (0..100).for_each(|sequence| window.congested(sequence, sequence + 1, NOW));
        assert_eq!(window.size, 1);
        assert_eq!(window.opens_at(0), Some(NOW + PAUSE_MAX));
    }
}
