//! Instants, and the only readers of time and randomness in this program.
//!
//! It is not a calendar: intervals and periods are in the rules that need them.

mod entropy;
mod moved;
mod timestamp;

pub use entropy::{Entropy, SeededEntropy};
pub use moved::MovedClock;
pub use timestamp::{Clock, ManualClock, OnJump, ParseTimestampError, Timestamp};

#[cfg(not(target_arch = "wasm32"))]
mod system;
#[cfg(not(target_arch = "wasm32"))]
pub use system::{Stopwatch, SystemClock, SystemEntropy};
