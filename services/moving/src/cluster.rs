//! Reads the money of an original that keeps it in a TigerBeetle cluster, into temporary tables of the snapshot.
//! The meaning of the rows is in `rafiki-tables`. The rest of a pass is the same for tables and for a cluster.

use ledger::LedgerJournal;
use rafiki_database::Old;
use rafiki_tables::cluster::{TransferChange, account_row, transfer_change};

use crate::error::MoveError;

/// Takes all accounts and transfers of the cluster. It is called after the snapshot has begun, so the cluster has the
/// money of every row in the snapshot.
pub(crate) async fn take_money(backend: &mut Old, cluster: &dyn LedgerJournal) -> Result<(), MoveError> {
    // Accounts come last, so that every transfer finds the accounts of both sides.
    take_transfers(backend, cluster).await?;
    take_accounts(backend, cluster).await?;
    backend.all_taken().await?;
    Ok(())
}

async fn take_accounts(backend: &mut Old, cluster: &dyn LedgerJournal) -> Result<(), MoveError> {
    let mut next = Some(FIRST);
    while let Some(from) = next {
        let page = cluster.journal_of_accounts(from).await?;
        let rows: Result<Vec<Option<String>>, _> = page.records.iter().map(account_row).collect();
        let rows: Vec<String> =
            rows.map_err(|refusal| MoveError::Refused(vec![refusal]))?.into_iter().flatten().collect();
        backend.take_accounts(&rows).await?;
        next = page.next;
    }
    Ok(())
}

async fn take_transfers(backend: &mut Old, cluster: &dyn LedgerJournal) -> Result<(), MoveError> {
    let mut next = Some(FIRST);
    while let Some(from) = next {
        let page = cluster.journal_of_transfers(from).await?;
        let (mut new, mut settled) = (Vec::new(), Vec::new());
        for record in &page.records {
            match transfer_change(record).map_err(|refusal| MoveError::Refused(vec![refusal]))? {
                TransferChange::New(row) => new.push(row),
                TransferChange::Settled(row) => settled.push(row),
                TransferChange::None => {}
            }
        }

        // A record settles an earlier one, which may be on the same page.
        backend.take_transfers(&new).await?;
        backend.settle_transfers(&settled).await?;
        next = page.next;
    }
    Ok(())
}

/// The position before the first record.
const FIRST: u64 = 0;
