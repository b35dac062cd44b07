//! What one scan of the monitor costs on a large ledger: `cargo run --profile dist --example scan_cost -- [url] [entries]`.
//!
//! Fills a fresh ledger (by default a temporary file) with 10,000 accounts and single-phase transfers between them.

#![expect(clippy::print_stdout, reason = "the figures are for a terminal")]

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Stopwatch, SystemClock};
use ledger::{AccountFlags, AccountId, Ledger, NewAccount, NewTransfer, TransferId};
use ledger_sql::SqlLedger;
use ledger_verify::{ConservationMonitor, Scan};

const ACCOUNTS: u64 = 10_000;
const BATCH: u64 = 8_000;
const SCANS: u32 = 20;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| format!("sqlite:{}", folder.path().join("ledger.db").display()));
    let entries: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger = SqlLedger::open(&url, clock).await?;
    ledger.create_accounts((1..=ACCOUNTS).map(account).collect()).await?;
    let mut made = ACCOUNTS;
    while made < entries {
        ledger.submit((made..made + BATCH).map(transfer).collect()).await?;
        made += BATCH;
    }
    println!("{made} entries, {ACCOUNTS} accounts");

    let mut monitor = ConservationMonitor::new(&url)?;
    let (mut total, mut longest) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..SCANS {
        let watch = Stopwatch::start();
        let scan = monitor.scan().await?;
        assert_eq!(scan.faults, 0);
        total += watch.elapsed();
        longest = longest.max(watch.elapsed());
    }
    println!("a scan of the past and the accounts: {:?} on average, {longest:?} at most", total / SCANS);

    ledger.submit((made..made + BATCH).map(transfer).collect()).await?;
    let watch = Stopwatch::start();
    let scan: Scan = monitor.scan().await?;
    println!("a scan with {} new entries as well: {:?}", scan.new_entries, watch.elapsed());
    ledger.close().await;
    Ok(())
}

fn account(id: u64) -> NewAccount {
    NewAccount {
        id: AccountId::from_u128(spread(id)),
        ledger: 1,
        code: 1,
        flags: AccountFlags::default(),
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
    }
}

fn transfer(n: u64) -> NewTransfer {
    let [debit, credit] = [n % ACCOUNTS, (n * 7 + 1) % ACCOUNTS].map(|id| AccountId::from_u128(spread(id + 1)));
    // Never from an account to itself.
    let credit = if debit == credit { AccountId::from_u128(spread(n % ACCOUNTS % (ACCOUNTS - 1) + 2)) } else { credit };
    NewTransfer::single(TransferId::from_u128(spread(n)), debit, credit, 1, 1, 1)
}

/// Ids that are as far apart as random ids.
fn spread(n: u64) -> u128 {
    u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) | 1
}
