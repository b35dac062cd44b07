//! The place of a ledger: a database, or a TigerBeetle cluster.
//!
//! A cluster is written as `tigerbeetle://<addresses>/<cluster id>`. An id of 0 may be left out.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use config::Accounting;
use ledger_tigerbeetle::{JoinError, TigerBeetleLedger};

/// How long a cluster may take to answer one request. A change of its primary takes some seconds.
const CLUSTER_DEADLINE: Duration = Duration::from_secs(10);

const SCHEME: &str = "tigerbeetle://";

/// The place of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LedgerPlace {
    /// A database, by its URL.
    Database(String),
    /// A TigerBeetle cluster.
    Cluster(Cluster),
}

/// A TigerBeetle cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    id: u128,
    /// Comma separated.
    addresses: String,
}

/// The text is not a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no cluster; write tigerbeetle://<address>[,<address>…][/<cluster id>]")]
pub(crate) struct InvalidCluster;

impl LedgerPlace {
    /// The place of this backend's ledger.
    pub(crate) fn of(config: &config::Backend) -> Self {
        match &config.accounting {
            Accounting::Sql => Self::Database(config.ledger_database.expose().to_owned()),
            Accounting::TigerBeetle { cluster_id, replica_addresses } => {
                Self::Cluster(Cluster { id: *cluster_id, addresses: replica_addresses.join(",") })
            }
        }
    }
}

impl FromStr for LedgerPlace {
    type Err = InvalidCluster;

    fn from_str(text: &str) -> Result<Self, InvalidCluster> {
        let Some(cluster) = text.strip_prefix(SCHEME) else { return Ok(Self::Database(text.to_owned())) };
        let (addresses, id) = cluster.split_once('/').unwrap_or((cluster, ""));
        let id = if id.is_empty() { 0 } else { id.parse().map_err(|_| InvalidCluster)? };
        if addresses.is_empty() {
            return Err(InvalidCluster);
        }
        Ok(Self::Cluster(Cluster { id, addresses: addresses.to_owned() }))
    }
}

impl fmt::Display for LedgerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(url) => f.write_str(url),
            Self::Cluster(Cluster { id, addresses }) => write!(f, "{SCHEME}{addresses}/{id}"),
        }
    }
}

impl Cluster {
    /// Connects to the cluster, without waiting for it.
    pub(crate) async fn join(&self) -> Result<TigerBeetleLedger, JoinError> {
        TigerBeetleLedger::join(self.id, &self.addresses, CLUSTER_DEADLINE).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in ["sqlite:./data/ledger.db", "postgres://h/d", "tigerbeetle://10.0.0.1:3004,10.0.0.2:3004/7"] {
            assert_eq!(text.parse::<LedgerPlace>().unwrap().to_string(), text);
        }
        let place: LedgerPlace = "tigerbeetle://3004".parse().unwrap();
        assert_eq!(place, LedgerPlace::Cluster(Cluster { id: 0, addresses: "3004".to_owned() }));
        for wrong in ["tigerbeetle://", "tigerbeetle:///0", "tigerbeetle://3004/first"] {
            assert!(wrong.parse::<LedgerPlace>().is_err(), "{wrong}");
        }
    }
}
