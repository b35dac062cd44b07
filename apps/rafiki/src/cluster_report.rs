//! `rafiki ledger verify` for a TigerBeetle cluster: the checks that are possible from outside.
//!
//! The cluster's replicas keep its hash-chained journal. This checks that debits and credits are equal.

use std::fmt;
use std::time::Duration;

use ledger::{AccountId, Ledger, LedgerQueries, LedgerTotals, Totals};
use payments_model::accounting::{AccountKind, TRANSFER};
use serde::{Serialize, Serializer};

use crate::failure::Failure;
use crate::ledger_place::Cluster;
use crate::output::Table;

/// How long a cluster may take to answer the first query.
const ANSWER: Duration = Duration::from_secs(15);

/// The sums of a cluster's accounts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterReport {
    /// Every ledger sums to zero. This may also be true if balances moved during the read.
    pub(crate) sound: bool,
    /// The engine that keeps the journal.
    journal: &'static str,
    /// All accounts were seen as of one instant.
    of_one_instant: bool,
    accounts: u64,
    ledgers: Vec<LedgerSums>,
    /// The posted credits less the posted debits of peers' accounts by ordinary transfers: the money that came from
    /// peers less the money that went to them.
    #[serde(serialize_with = "decimal")]
    peer_movement: i128,
}

/// The sums over the accounts of one ledger; decimal, as JSON has no integers of 128 bits.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LedgerSums {
    ledger: u32,
    accounts: u64,
    #[serde(serialize_with = "decimal")]
    debits_pending: u128,
    #[serde(serialize_with = "decimal")]
    debits_posted: u128,
    #[serde(serialize_with = "decimal")]
    credits_pending: u128,
    #[serde(serialize_with = "decimal")]
    credits_posted: u128,
}

fn decimal<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl ClusterReport {
    /// Reads every account of the cluster, and every transfer of peers' accounts.
    ///
    /// If balances moved during the read, differing sums prove nothing. The result is then that the command must be
    /// repeated.
    pub(crate) async fn of(cluster: &Cluster) -> Result<Self, Failure> {
        let failed = |error: &dyn fmt::Display| Failure::Unreadable(error.to_string());
        let ledger = cluster.join().await.map_err(|error| failed(&error))?;
        // Everything else takes longer with more accounts. This only checks that the cluster answers.
        let first = tokio::time::timeout(ANSWER, ledger.accounts(vec![AccountId::from_u128(1)])).await;
        if !matches!(first, Ok(Ok(_))) {
            let silent = "no replica of the TigerBeetle cluster answers; check that it runs, and that the addresses and the \
                          cluster id are right";
            return Err(Failure::Unreadable(silent.to_owned()));
        }
        let totals = ledger.totals().await.map_err(|error| failed(&error))?;
        if !totals.are_balanced() && !totals.of_one_instant {
            let busy = "the cluster is too busy to read its sums at one instant; verify it again at a quieter time";
            return Err(Failure::Unreadable(busy.to_owned()));
        }
        let peers = ledger.flow_into(AccountKind::Peer as u16, TRANSFER).await.map_err(|error| failed(&error))?;
        Ok(Self::new(&totals, peers))
    }

    fn new(totals: &Totals, peer_movement: i128) -> Self {
        Self {
            sound: totals.are_balanced(),
            journal: "kept by the TigerBeetle cluster",
            of_one_instant: totals.of_one_instant,
            accounts: totals.ledgers.iter().map(|totals| totals.accounts).sum(),
            ledgers: totals.ledgers.iter().map(LedgerSums::from).collect(),
            peer_movement,
        }
    }
}

impl From<&LedgerTotals> for LedgerSums {
    fn from(totals: &LedgerTotals) -> Self {
        Self {
            ledger: totals.ledger,
            accounts: totals.accounts,
            debits_pending: totals.sums.debits_pending,
            debits_posted: totals.sums.debits_posted,
            credits_pending: totals.sums.credits_pending,
            credits_posted: totals.sums.credits_posted,
        }
    }
}

impl fmt::Display for ClusterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.sound { "every ledger sums to zero" } else { "NOT SOUND" };
        writeln!(f, "ledger: {verdict}, {} accounts, journal {}", self.accounts, self.journal)?;
        let mut table = Table::new().align_right(&[1, 2, 3, 4, 5]);
        table.row(["ledger", "accounts", "debits", "credits", "debits held", "credits held"]);
        for sums in &self.ledgers {
            table.row([
                sums.ledger.to_string(),
                sums.accounts.to_string(),
                sums.debits_posted.to_string(),
                sums.credits_posted.to_string(),
                sums.debits_pending.to_string(),
                sums.credits_pending.to_string(),
            ]);
        }
        f.write_str(&table.render_indented())
    }
}

#[cfg(test)]
mod tests {
    use ledger::Balances;

    use super::*;

    fn report(credits_posted: u128) -> ClusterReport {
        let sums = Balances { debits_pending: 1, debits_posted: 5, credits_pending: 1, credits_posted };
        let totals = Totals { ledgers: vec![LedgerTotals { ledger: 7, accounts: 2, sums }], of_one_instant: true };
        ClusterReport::new(&totals, -3)
    }

    #[test]
    fn what_was_not_credited_is_said() {
        let (good, bad) = (report(5), report(4));
        assert!(good.sound && !bad.sound);
        assert!(bad.to_string().contains("NOT SOUND"), "{bad}");
        let document = serde_json::to_value(&good).unwrap();
        assert_eq!((&document["peerMovement"], &document["sound"]), (&"-3".into(), &true.into()));
        assert_eq!(document["ledgers"][0]["debitsPosted"], "5");
    }
}
