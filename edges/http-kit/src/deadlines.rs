//! How long a client may take for each part of a request.
//!
//! This file has the durations. `activity` measures, and `connection` closes.

use std::time::Duration;

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the first octet of a request to the end of its head.
    pub head: Duration,
    /// For the whole body.
    pub body: Duration,
    /// From the end of the head to the end of the answer.
    pub request: Duration,
    /// Between two requests, and before the first.
    pub idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            request: Duration::from_mins(2),
            // Longer than our own client keeps a connection: the side that sends requests should close it.
            idle: Duration::from_mins(2),
        }
    }
}
