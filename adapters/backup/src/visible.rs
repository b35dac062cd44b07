//! Which transactions a snapshot of Postgres sees, and whether two snapshots see the same ones.
//!
//! Transaction numbers belong to the whole server. So two snapshots in two databases of one server that see the same
//! transactions are of one instant.

use std::collections::BTreeSet;
use std::str::FromStr;

/// More new transactions between two snapshots are not compared one by one.
const COMPARED: u64 = 10_000;

/// A snapshot in the text form of `txid_current_snapshot()`: `xmin:xmax:running,running`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visible {
    /// Transactions from here on had not begun.
    end: u64,
    /// Those before it that had not ended.
    running: BTreeSet<u64>,
}

impl FromStr for Visible {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("the server describes its snapshot as {text:?}");
        let mut parts = text.split(':');
        let (Some(_), Some(end), Some(running), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let running = running.split(',').filter(|number| !number.is_empty()).map(str::parse);
        let running = running.collect::<Result<_, _>>().map_err(|_| wrong())?;
        Ok(Self { end: end.parse().map_err(|_| wrong())?, running })
    }
}

impl Visible {
    /// Whether both see the same transactions: none ended between the two.
    pub(crate) fn sees_the_same(&self, other: &Self) -> bool {
        let (first, last) = if self.end <= other.end { (self, other) } else { (other, self) };
        if last.end - first.end > COMPARED {
            return false;
        }
        let unseen_by_both = |transaction: &u64| !first.sees(*transaction) && !last.sees(*transaction);
        first.running.iter().chain(&last.running).all(unseen_by_both)
            && (first.end..last.end).all(|transaction| unseen_by_both(&transaction))
    }

    fn sees(&self, transaction: u64) -> bool {
        transaction < self.end && !self.running.contains(&transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, two: &str) -> bool {
        let (one, two): (Visible, Visible) = (one.parse().unwrap(), two.parse().unwrap());
        assert_eq!(one.sees_the_same(&two), two.sees_the_same(&one), "the order does not matter");
        one.sees_the_same(&two)
    }

    #[test]
    fn snapshots_are_the_same_if_no_transaction_ended_between_them() {
        assert!(same("100:100:", "100:100:"));
        assert!(same("100:104:100,102", "100:104:100,102"));
        assert!(same("100:100:", "100:102:100,101"), "two have begun and none has ended");
        assert!(same("100:101:100", "100:103:100,101,102"));
    }

    #[test]
    fn a_transaction_that_ended_between_them_makes_them_differ() {
        assert!(!same("100:100:", "101:101:"), "one began and ended");
        assert!(!same("100:104:100,102", "102:104:102"), "a running one ended");
        assert!(!same("100:100:", "100:102:100"), "101 ended while 100 runs");
        assert!(!same("100:100:", "900000:900000:"));
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for text in ["", "1:2", "1:x:", "1:2:3,x", "1:2:3:4"] {
            assert!(text.parse::<Visible>().is_err(), "{text}");
        }
    }
}
