//! The suite on TigerBeetle, where there is one, and what must hold where there is none.
//!
//! A cluster is named by `TIGERBEETLE_ADDRESSES`, or started from a `tigerbeetle` program on the PATH.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy, ManualClock, SystemClock, SystemEntropy};
use ledger::{AccountId, Ledger};
use ledger_conformance::{Scope, callers_at_once, same_answers};
use ledger_tigerbeetle::TigerBeetleLedger;

/// A cluster of one, removed with its file.
struct Cluster {
    addresses: String,
    _folder: Option<tempfile::TempDir>,
    server: Option<Child>,
}

impl Cluster {
    /// The cluster there is; `None`, said aloud, if there is none.
    #[expect(clippy::disallowed_methods, reason = "tests are told of their servers by the environment")]
    fn any() -> Option<Self> {
        if let Ok(addresses) = std::env::var("TIGERBEETLE_ADDRESSES") {
            return Some(Self { addresses, _folder: None, server: None });
        }
        let missing = Command::new("tigerbeetle").arg("version").output().is_err();
        if missing {
            println!(
                "SKIPPED: no TIGERBEETLE_ADDRESSES and no tigerbeetle on the PATH; the TigerBeetle engine is not run"
            );
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("0_0.tigerbeetle");
        let formatted = Command::new("tigerbeetle")
            .args(["format", "--cluster=0", "--replica=0", "--replica-count=1", "--development"])
            .arg(&file)
            .status();
        assert!(formatted.is_ok_and(|status| status.success()), "the data file is formatted");
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let addresses = format!("127.0.0.1:{port}");
        let server = Command::new("tigerbeetle")
            .args(["start", "--development", &format!("--addresses={addresses}")])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        Some(Self { addresses, _folder: Some(folder), server: Some(server) })
    }

    fn ledger(&self) -> TigerBeetleLedger {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        TigerBeetleLedger::join(0, &self.addresses, Duration::from_secs(20), clock).expect("a client can be made")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Where a run's ids begin: a cluster that stays keeps those of earlier runs.
fn fresh_base() -> u128 {
    SystemEntropy.uuid().as_u128() & !(u128::MAX >> 64) & !(1 << 127)
}

#[tokio::test]
async fn the_ledger_on_tigerbeetle_answers_like_the_model() {
    let Some(cluster) = Cluster::any() else { return };
    let clock = ManualClock::at(SystemClock.now());
    for seed in 0..20 {
        let scope = Scope { base: fresh_base(), time: false };
        let again = async |_| cluster.ledger();
        same_answers(cluster.ledger(), &clock, seed, 120, scope, again).await.expect("the cluster answers");
    }
}

#[tokio::test]
async fn callers_at_once_on_tigerbeetle_move_exactly_what_they_were_told() {
    let Some(cluster) = Cluster::any() else { return };
    let engines: [Arc<dyn Ledger>; 2] = [Arc::new(cluster.ledger()), Arc::new(cluster.ledger())];
    callers_at_once(&engines, 64, fresh_base()).await.expect("the cluster answers");
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_makes_nobody_wait_for_ever() {
    // Nothing listens on the discard port.
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let deadline = Duration::from_millis(20);
    let ledger = TigerBeetleLedger::join(0, "127.0.0.1:9", deadline, Arc::clone(&clock) as Arc<dyn Clock>)
        .expect("a client can be made");
    for _ in 0..3 {
        assert!(!ledger.ready().await);
    }
    let refused = ledger.accounts(vec![AccountId::from_u128(1)]).await.expect_err("the breaker is open");
    assert!(refused.reason.contains("lately"), "{refused}");
    clock.advance(Duration::from_secs(5));
    let tried = ledger.accounts(vec![AccountId::from_u128(1)]).await.expect_err("nobody answers");
    assert!(tried.reason.contains("within"), "{tried}");
}
