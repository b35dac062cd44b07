//! How many requests were relayed, sent to ours, found equal, or left out, and why.
//! Single differences are printed where they are found.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The result of a request that was sent to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Result {
    /// Both answers are equal.
    Equal,
    /// They were equal after a repetition.
    EqualLater,
    /// They differ.
    Different,
    /// Ours did not answer in time.
    NoAnswer,
}

/// Why a request was not sent to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Writes are left out.
    Write,
    /// Too many requests wait.
    QueueFull,
    /// It names what only the old installation has made.
    OnlyThere,
    /// Ours has another id for what it names, and the client's signature covers the id.
    Signed,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counts {
    relayed: AtomicU64,
    unreachable: AtomicU64,
    results: [AtomicU64; 4],
    left: [AtomicU64; 4],
}

impl Counts {
    pub(crate) fn relayed(&self) {
        self.relayed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unreachable(&self) {
        self.unreachable.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self, result: Result) {
        self.results[result as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn left_out(&self, left: Left) {
        self.left[left as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The number of requests with this result.
    pub fn of(&self, result: Result) -> u64 {
        self.results[result as usize].load(Ordering::Relaxed)
    }

    /// The number of requests that were left out for this reason.
    pub fn left(&self, left: Left) -> u64 {
        self.left[left as usize].load(Ordering::Relaxed)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(
            f,
            "Old installation: {} requests answered, {} not answered. New installation: {} equal, {} equal after a \
             repetition, {} different, {} without an answer in time. Not sent: {} writes, {} because too many were waiting, \
             {} about what only the old installation has, {} signed for other ids",
            read(&self.relayed),
            read(&self.unreachable),
            self.of(Result::Equal),
            self.of(Result::EqualLater),
            self.of(Result::Different),
            self.of(Result::NoAnswer),
            self.left(Left::Write),
            self.left(Left::QueueFull),
            self.left(Left::OnlyThere),
            self.left(Left::Signed),
        )
    }
}
