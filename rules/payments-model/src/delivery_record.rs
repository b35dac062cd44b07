//! What became of the packets of an outgoing payment: how many arrived and how much, how many came back with which code,
//! and how that went over time.
//!
//! It is for people who look for a cause. It decides nothing about money: `Progress` and the ledger do.

use std::collections::BTreeMap;

use clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::progress::Progress;

/// The most stretches of time that are kept. If there are more, the two neighbours with the fewest packets are joined.
pub const STRETCHES_MAX: usize = 32;
/// The most codes that are counted apart. A stranger chooses the code of a refusal.
const CODES_MAX: usize = 24;
/// Counts the refusals with any further code.
pub const OTHER_CODES: &str = "other";

/// The record of all attempts of a payment so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// What has arrived in all, in the receiver's asset.
    pub delivered: u64,
    /// How many packets were refused, by the code of the refusal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<String, u64>,
    /// What the answers were over time, oldest first. Packets that were answered while no process waited are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stretches: Vec<Stretch>,
}

/// The answers to packets in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StretchNumbers", into = "StretchNumbers")]
pub struct Stretch {
    /// When its first answer came.
    pub from: Timestamp,
    /// How many packets were fulfilled.
    pub fulfilled: u64,
    /// How many packets were refused.
    pub rejected: u64,
    /// What the fulfilled packets moved.
    pub moved: Progress,
}

/// A stretch as it is stored: begin, fulfilled, rejected, debited, delivered.
type StretchNumbers = (i64, u64, u64, u64, u64);

impl From<StretchNumbers> for Stretch {
    fn from((from, fulfilled, rejected, debited, delivered): StretchNumbers) -> Self {
        Self { from: Timestamp::from_millis(from), fulfilled, rejected, moved: Progress { debited, delivered } }
    }
}

impl From<Stretch> for StretchNumbers {
    fn from(of: Stretch) -> Self {
        (of.from.as_millis(), of.fulfilled, of.rejected, of.moved.debited, of.moved.delivered)
    }
}

impl Stretch {
    fn packets(&self) -> u64 {
        self.fulfilled.saturating_add(self.rejected)
    }

    fn joined(self, later: Self) -> Self {
        Self {
            from: self.from,
            fulfilled: self.fulfilled.saturating_add(later.fulfilled),
            rejected: self.rejected.saturating_add(later.rejected),
            moved: Progress {
                debited: self.moved.debited.saturating_add(later.moved.debited),
                delivered: self.moved.delivered.saturating_add(later.moved.delivered),
            },
        }
    }
}

impl DeliveryRecord {
    /// Whether it has nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.rejected.is_empty() && self.stretches.is_empty()
    }

    /// Notes a packet that was fulfilled.
    pub fn fulfilled(&mut self, at: Timestamp, moved: Progress) {
        self.add(Stretch { from: at, fulfilled: 1, rejected: 0, moved });
    }

    /// Notes a packet that was refused with `code`.
    pub fn rejected(&mut self, at: Timestamp, code: &str) {
        self.count(code, 1);
        self.add(Stretch { from: at, fulfilled: 0, rejected: 1, moved: Progress::default() });
    }

    /// This record with that of a later attempt.
    #[must_use]
    pub fn with(mut self, later: &Self) -> Self {
        for (code, count) in &later.rejected {
            self.count(code, *count);
        }
        for stretch in &later.stretches {
            self.add(*stretch);
        }
        self
    }

    /// This record of a payment that has delivered this much in all.
    #[must_use]
    pub fn delivered(self, delivered: u64) -> Self {
        Self { delivered, ..self }
    }

    fn count(&mut self, code: &str, more: u64) {
        let is_known = self.rejected.contains_key(code) || self.rejected.len() < CODES_MAX;
        let is_code = code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let code = if is_known && is_code { code } else { OTHER_CODES };
        let count = self.rejected.entry(code.to_owned()).or_default();
        *count = count.saturating_add(more);
    }

    fn add(&mut self, stretch: Stretch) {
        self.stretches.push(stretch);
        while self.stretches.len() > STRETCHES_MAX {
            let joined = self.stretches.windows(2).map(|pair| pair[0].joined(pair[1]));
            let Some((at, least)) = joined.enumerate().min_by_key(|(_, pair)| pair.packets()) else { break };
            self.stretches.splice(at..at + 2, [least]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn moved(debited: u64, delivered: u64) -> Progress {
        Progress { debited, delivered }
    }

    #[test]
    fn a_long_payment_is_told_in_few_stretches_that_add_up() {
        let mut record = DeliveryRecord::default();
        for millis in 0..10_000 {
            record.fulfilled(at(millis), moved(10, 9));
        }
        assert!(record.stretches.len() <= STRETCHES_MAX, "{}", record.stretches.len());
        let whole = record.stretches.iter().copied().reduce(Stretch::joined).unwrap();
        assert_eq!(whole, Stretch { from: at(0), fulfilled: 10_000, rejected: 0, moved: moved(100_000, 90_000) });
        assert!(record.stretches.is_sorted_by_key(|stretch| stretch.from));
        let largest = record.stretches.iter().map(Stretch::packets).max();
        assert!(largest.is_some_and(|packets| packets <= 1000), "one of them hides the rest: {largest:?}");
    }

    #[test]
    fn refusals_are_counted_by_code_over_all_attempts() {
        let mut first = DeliveryRecord::default();
        first.rejected(at(1), "T04");
        first.rejected(at(2), "F08");
        let mut second = DeliveryRecord::default();
        second.rejected(at(3), "T04");
        second.fulfilled(at(4), moved(10, 9));
        let both = first.with(&second).delivered(9);
        assert_eq!(both.rejected, BTreeMap::from([("F08".to_owned(), 1), ("T04".to_owned(), 2)]));
        assert_eq!((both.stretches.len(), both.delivered), (4, 9));
    }

    #[test]
    fn codes_that_a_stranger_makes_up_do_not_fill_the_record() {
        let mut record = DeliveryRecord::default();
        for number in 0..1000 {
            record.rejected(at(number), &format!("{number:03}"));
        }
        record.rejected(at(1000), "<b>");
        assert_eq!(record.rejected.len(), CODES_MAX + 1);
        assert_eq!(record.rejected.values().sum::<u64>(), 1001);
        assert!(record.rejected[OTHER_CODES] > 900);
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let mut record = DeliveryRecord::default();
        record.fulfilled(at(5), moved(u64::MAX, 1));
        record.rejected(at(6), "R00");
        let stored = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<DeliveryRecord>(&stored).unwrap(), record);
        let simple = serde_json::to_string(&DeliveryRecord::default().delivered(7)).unwrap();
        assert_eq!(simple, r#"{"delivered":7}"#);
    }
}
