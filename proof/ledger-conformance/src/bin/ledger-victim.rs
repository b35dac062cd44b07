//! A process that makes transfers until it is killed, and prints every answered one.
//!
//! Arguments: the ledger's URL (`tigerbeetle:<addresses>` for a cluster) and the first transfer id. Prints `<id>
//! <result>` after each answer, so that the test knows what was promised.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use clock::SystemClock;
use ledger::{AccountFlags, AccountId, Ledger, NewAccount, NewTransfer, TransferId};
use ledger_sql::SqlLedger;
use ledger_tigerbeetle::TigerBeetleLedger;

const CALLERS: u128 = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(first)) = (arguments.next(), arguments.next()) else {
        return Err("usage: ledger-victim <url> <first id>".into());
    };
    let first: u128 = first.parse()?;

    let ledger: Arc<dyn Ledger> = match url.strip_prefix("tigerbeetle:") {
        Some(addresses) => Arc::new(TigerBeetleLedger::join(0, addresses, Duration::from_secs(20)).await?),
        None => Arc::new(SqlLedger::open(&url, Arc::new(SystemClock)).await?),
    };

    let [debit, credit] = [1, 2].map(AccountId::from_u128);
    let account = |id| NewAccount {
        id,
        ledger: 1,
        code: 1,
        flags: AccountFlags::default(),
        user_data_128: 0,
        user_data_64: 0,
        user_data_32: 0,
    };
    ledger.create_accounts(vec![account(debit), account(credit)]).await?;

    let callers = (0..CALLERS).map(|caller| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            for round in 0.. {
                let id = first + round * CALLERS * 2 + caller * 2;
                let hold =
                    NewTransfer::single(TransferId::from_u128(id), debit, credit, 1, 1, 1).into_pending_for_ever();
                let post = NewTransfer::post(TransferId::from_u128(id + 1), hold.id);
                for transfer in [hold, post] {
                    let Ok(results) = ledger.submit(vec![transfer]).await else { return };
                    let mut out = std::io::stdout().lock();
                    if writeln!(out, "{} {:?}", transfer.id.as_u128(), results[0]).and_then(|()| out.flush()).is_err() {
                        return;
                    }
                }
            }
        })
    });

    for caller in callers.collect::<Vec<_>>() {
        caller.await?;
    }
    Ok(())
}
