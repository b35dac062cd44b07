//! The suite on TigerBeetle if it is installed, and the expected behaviour if it is not.
//!
//! Answers of the cluster are in `law`, queries of the past in `reports`, outages of the cluster and killed clients in
//! `absence`.

mod absence;
mod law;
mod reports;

use std::time::Duration;

use clock::{Entropy, SystemEntropy};
use ledger::{AccountFlags, AccountId, NewAccount, TransferId};
use ledger_tigerbeetle::TigerBeetleLedger;
use testkit::TigerBeetle;

/// A client with a long time limit.
async fn ledger_of(cluster: &TigerBeetle) -> TigerBeetleLedger {
    client_of(cluster, Duration::from_secs(20)).await
}

async fn client_of(cluster: &TigerBeetle, deadline: Duration) -> TigerBeetleLedger {
    TigerBeetleLedger::join(0, cluster.addresses(), deadline).await.expect("a client can be made")
}

/// The first id of a test. A cluster that is not deleted keeps the ids of earlier runs.
fn fresh_base() -> u128 {
    SystemEntropy.uuid().as_u128() & !(u128::MAX >> 64) & !(1 << 127)
}

fn account(id: AccountId, ledger: u32) -> NewAccount {
    let flags = AccountFlags::default();
    NewAccount { id, ledger, code: 1, flags, user_data_128: 0, user_data_64: 0, user_data_32: 0 }
}

/// Two accounts and unused ids of transfers.
fn names(base: u128) -> ([AccountId; 2], impl Fn(u128) -> TransferId) {
    ([1, 2].map(|number| AccountId::from_u128(base + number)), move |number| TransferId::from_u128(base + 100 + number))
}
