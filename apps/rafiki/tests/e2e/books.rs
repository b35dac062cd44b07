//! The audit of a stopped institution's books, and the wait until no work is left.
//!
//! The institution's session file names its databases.

use std::sync::Arc;
use std::time::Duration;

use audit::{Audit, Books, WalletBooks};
use clock::SystemClock;
use ledger::Ledger;
use ledger_sql::SqlLedger;
use ledger_tigerbeetle::TigerBeetleLedger;
use serde_json::Value;
use testkit::until;

use crate::institutions::verify;

const SETTLED_WITHIN: Duration = Duration::from_mins(1);
/// In the playground a cent in euros is worth 18.78 cents in pesos.
const UNIT_WORTH_MAX: u128 = 19;
const CLUSTER_DEADLINE: Duration = Duration::from_secs(10);

/// Waits until payments have ended and their events are processed. The institution is running meanwhile.
///
/// If the wait has no success, this is not an error here: the audit lists what is left.
pub(crate) fn await_quiet(facts: &Value) {
    let (backend, wallet) = (text(facts, "databaseUrl"), text(facts, "walletDatabaseUrl"));
    on_runtime(async {
        until(SETTLED_WITHIN, || async { audit::quiet(&backend, &wallet).await.unwrap_or(false).then_some(()) }).await
    });
}

/// Checks the books of both stopped institutions, each alone and both together: the hash chain, balances, every asset
/// sums to zero, nothing is held; rows, events, jobs and wallet agree with the ledger; the accounts of the peers are
/// mirrored.
pub(crate) fn assert_books(facts: &[Value; 2]) {
    let mut moved = 0;
    for facts in facts {
        let name = &facts["name"];
        let verified = verify(facts);
        assert_eq!(verified.code, Some(0), "{name}: {} {}", verified.stdout, verified.stderr);
        assert_eq!(verified.json["sound"], true, "{name}: {}", verified.json);
        assert!(holds_nothing(&verified.json), "{name} still holds money: {}", verified.json);
        moved += peer_movement(&verified.json);
        // It came from a third institution, through a peer's account.
        moved += i128::try_from(assert_sound(facts).streamed).unwrap();
    }
    assert_eq!(moved, 0, "the institutions disagree about what passed between them");
}

/// Checks the books of a stopped institution.
pub(crate) fn assert_sound(facts: &Value) -> Audit {
    let audit = on_runtime(async {
        let books = Books {
            backend: text(facts, "databaseUrl"),
            ledger: ledger(&text(facts, "ledgerUrl")).await,
            unit_worth_max: UNIT_WORTH_MAX,
            wallet: Some(WalletBooks {
                database: text(facts, "walletDatabaseUrl"),
                ledger: ledger(&wallet_ledger(&text(facts, "walletDatabaseUrl"))).await,
            }),
        };
        audit::audit(&books).await.unwrap()
    });
    let findings: Vec<String> = audit.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "the books of {} do not add up:\n{}", facts["name"], findings.join("\n"));
    audit
}

/// Whether no money is reserved, as the verifier reports it.
pub(crate) fn holds_nothing(verified: &Value) -> bool {
    let ledgers = verified["ledgers"].as_array().unwrap_or_else(|| panic!("no ledgers in {verified}"));
    ledgers.iter().all(|sums| sums["debitsPending"] == "0" && sums["creditsPending"] == "0")
}

/// What peers' accounts gained or lost through packets, as the verifier reports it.
fn peer_movement(verified: &Value) -> i128 {
    let text = &verified["peerMovement"];
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no peerMovement in {verified}"))
}

/// The wallet's ledger is beside its file, or in the same Postgres database.
fn wallet_ledger(database: &str) -> String {
    match database.strip_suffix(".db") {
        Some(stem) => format!("{stem}-ledger.db"),
        None => database.to_owned(),
    }
}

/// Opens a ledger.
pub(crate) async fn ledger(place: &str) -> Arc<dyn Ledger> {
    match place.strip_prefix("tigerbeetle://") {
        Some(cluster) => {
            let (addresses, id) = cluster.split_once('/').unwrap_or((cluster, "0"));
            Arc::new(TigerBeetleLedger::join(id.parse().unwrap(), addresses, CLUSTER_DEADLINE).await.unwrap())
        }
        None => Arc::new(SqlLedger::open(place, Arc::new(SystemClock)).await.unwrap()),
    }
}

fn text(facts: &Value, name: &str) -> String {
    facts[name].as_str().unwrap_or_else(|| panic!("no {name} in {facts}")).to_owned()
}

fn on_runtime<T>(body: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(body)
}
