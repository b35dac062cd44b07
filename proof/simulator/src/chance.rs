//! Random choices from a seed.
//! It is not for keys; those come from `Entropy`.

use std::sync::Arc;
use std::time::Duration;

use clock::{Entropy, SeededEntropy};

/// A source of choices. Clones draw from one sequence.
#[derive(Clone, Debug)]
pub struct Chance(Arc<SeededEntropy>);

impl Chance {
    /// The choices of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(SeededEntropy::new(seed)))
    }

    /// A number below `end`, which is above 0.
    pub fn below(&self, end: u64) -> u64 {
        let mut octets = [0; 8];
        self.0.fill(&mut octets);
        u64::from_le_bytes(octets) % end
    }

    /// Returns true with a probability of `per_mille` in a thousand.
    pub fn happens(&self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// A time of at most `millis`.
    pub fn millis_up_to(&self, millis: u64) -> Duration {
        Duration::from_millis(self.below(millis + 1))
    }

    /// The same sequence as entropy for keys and nonces.
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        self.0.clone()
    }
}
