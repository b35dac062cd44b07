//! The engine of the ledger.
//! The other databases are in `database_url`.

use crate::reader::{ByDefault, Reader};

/// The engine that keeps the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accounting {
    /// The SQL engine, in the ledger database.
    Sql,
    /// `USE_TIGERBEETLE`: a TigerBeetle cluster. It is the default if replica addresses are given.
    TigerBeetle {
        /// `TIGERBEETLE_CLUSTER_ID`: the id of the cluster.
        cluster_id: u128,
        /// `TIGERBEETLE_REPLICA_ADDRESSES`: its replicas as port, ip:port or host:port, comma separated.
        replica_addresses: Vec<String>,
    },
}

impl Accounting {
    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        // The reference uses TigerBeetle by default. Here it is used if its addresses are given.
        let addresses = r.text("TIGERBEETLE_REPLICA_ADDRESSES");
        let cluster_id = r.number("TIGERBEETLE_CLUSTER_ID", 0u128, 0..=u128::MAX);
        if !r.flag("USE_TIGERBEETLE", ByDefault::on_if(addresses.is_some())) {
            return Self::Sql;
        }
        let replica_addresses: Vec<String> = addresses
            .unwrap_or_else(|| "3004".to_owned())
            .split(',')
            .map(str::trim)
            .filter(|a| !a.is_empty())
            .map(str::to_owned)
            .collect();
        if replica_addresses.is_empty() {
            r.problem("TIGERBEETLE_REPLICA_ADDRESSES", "must name at least one replica as port, ip:port or host:port");
        }
        Self::TigerBeetle { cluster_id, replica_addresses }
    }
}
