//! How much a peer may send, how much is sent to it, and its share of the packets that several peers can take.
//!
//! These limits protect a process from a peer that sends too much. They do not decide about money: the balance of the
//! peer's account does.

use serde::{Deserialize, Serialize};

/// The largest rate that can be set.
const PACKETS_PER_SECOND_MAX: u32 = 1_000_000;

/// The largest burst that can be set.
const BURST_MAX: u32 = 10_000_000;

/// The longest period of a throughput: one day.
const SECONDS_MAX: u32 = 86_400;

/// The terms of one peer. `None` means the setting of the instance, or no limit where the instance has no setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerTerms {
    /// How many packets it may send per second.
    pub packets_per_second: Option<u32>,
    /// How many packets it may send at once after a pause.
    pub packet_burst: Option<u32>,
    /// How much money it may send.
    pub incoming: Option<Throughput>,
    /// How much money is sent to it.
    pub outgoing: Option<Throughput>,
    /// Its share of the connections to a prefix that several peers have; see [`PeerTerms::weight`].
    pub weight: Option<u32>,
}

/// An amount per period, in the asset of the peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throughput {
    /// The amount, in the smallest unit.
    pub amount: u64,
    /// The period in seconds.
    pub seconds: u32,
}

/// The weight of a peer without one.
const USUAL_WEIGHT: u32 = 1;

/// The largest weight.
const WEIGHT_MAX: u32 = 1000;

/// Why terms cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerms {
    /// The number of packets per second is out of range.
    #[error("packetsPerSecond must be between 1 and {PACKETS_PER_SECOND_MAX}")]
    PacketsPerSecond,
    /// The burst is out of range.
    #[error("packetBurst must be between 1 and {BURST_MAX}")]
    Burst,
    /// An amount of zero would stop the peer.
    #[error("the amount of a throughput must be at least 1; use null for no limit")]
    Amount,
    /// The period is out of range.
    #[error("the seconds of a throughput must be between 1 and {SECONDS_MAX}")]
    Seconds,
    /// The weight is out of range.
    #[error("weight must be between 0 and {WEIGHT_MAX}")]
    Weight,
}

impl PeerTerms {
    /// Its share among the peers of one prefix: a peer of weight 2 gets twice the connections of a peer of weight 1. A
    /// peer of weight 0 gets packets only while no other peer can take them.
    pub fn weight(&self) -> u32 {
        self.weight.unwrap_or(USUAL_WEIGHT)
    }

    /// Checks that every value is in its range.
    pub fn check(&self) -> Result<(), InvalidTerms> {
        if self.packets_per_second.is_some_and(|packets| !(1..=PACKETS_PER_SECOND_MAX).contains(&packets)) {
            return Err(InvalidTerms::PacketsPerSecond);
        }
        if self.packet_burst.is_some_and(|packets| !(1..=BURST_MAX).contains(&packets)) {
            return Err(InvalidTerms::Burst);
        }
        if self.weight.is_some_and(|weight| weight > WEIGHT_MAX) {
            return Err(InvalidTerms::Weight);
        }

        for throughput in self.incoming.iter().chain(&self.outgoing) {
            if throughput.amount == 0 {
                return Err(InvalidTerms::Amount);
            }
            if !(1..=SECONDS_MAX).contains(&throughput.seconds) {
                return Err(InvalidTerms::Seconds);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_out_of_range_say_which() {
        let throughput = |amount, seconds| Some(Throughput { amount, seconds });
        let wrong = [
            (PeerTerms { packets_per_second: Some(0), ..PeerTerms::default() }, InvalidTerms::PacketsPerSecond),
            (PeerTerms { packets_per_second: Some(1_000_001), ..PeerTerms::default() }, InvalidTerms::PacketsPerSecond),
            (PeerTerms { packet_burst: Some(0), ..PeerTerms::default() }, InvalidTerms::Burst),
            (PeerTerms { weight: Some(1001), ..PeerTerms::default() }, InvalidTerms::Weight),
            (PeerTerms { incoming: throughput(0, 1), ..PeerTerms::default() }, InvalidTerms::Amount),
            (PeerTerms { outgoing: throughput(1, 0), ..PeerTerms::default() }, InvalidTerms::Seconds),
            (PeerTerms { outgoing: throughput(1, 86_401), ..PeerTerms::default() }, InvalidTerms::Seconds),
        ];
        for (terms, why) in wrong {
            assert_eq!(terms.check(), Err(why), "{terms:?}");
        }
        assert_eq!(PeerTerms::default().check(), Ok(()));
        assert_eq!(PeerTerms { incoming: throughput(u64::MAX, 86_400), ..PeerTerms::default() }.check(), Ok(()));
    }

    #[test]
    fn terms_are_read_as_they_were_written_also_by_another_version() {
        let terms = PeerTerms {
            packets_per_second: Some(5),
            outgoing: Some(Throughput { amount: u64::MAX, seconds: 60 }),
            ..PeerTerms::default()
        };
        let written = serde_json::to_string(&terms).unwrap();
        assert_eq!(serde_json::from_str::<PeerTerms>(&written).unwrap(), terms);
        assert_eq!(serde_json::from_str::<PeerTerms>("{\"later\":1}").unwrap(), PeerTerms::default());
    }
}
