//! Moves the money: accounts, deposits and withdrawals by their ids, and opening transfers for movements between
//! accounts.
//!
//! Our ledger refuses overdrafts, so incoming money is booked before outgoing money. Our ledger knows what is missing,
//! so a repetition books nothing twice.

use std::collections::BTreeMap;

use clock::Timestamp;
use futures::TryStreamExt;
use ledger::{CreateTransferResult, NewAccount, NewTransfer, Transfer, TransferId, TransferState};
use payments_model::accounting::{AccountKind, DEPOSIT, LedgerAsset};
use rafiki_database::Transfers;
use rafiki_tables::books::{OldAccount, OldState, OldTransfer, asset_accounts};
use rafiki_tables::row::Row;

use crate::error::MoveError;
use crate::listener::{Listener, Step};
use crate::source::{History, OldInstallation};
use crate::target::Target;

/// How many accounts or transfers are submitted at once.
const BATCH: usize = 4_000;

/// Moves the accounts and the money.
///
/// `since` is the time after which transfers may have changed; `None` if none was moved before.
pub(crate) async fn carry_over(
    old: &mut OldInstallation,
    target: &Target,
    since: Option<Timestamp>,
    listen: Listener<'_>,
) -> Result<(), MoveError> {
    create_accounts(old, target, listen).await?;
    match old.history {
        History::Totals => named(old, target, Wanted::In, since, listen).await?,
        History::Replayed => replay(old, target, since, listen).await?,
    }
    open(old, target, Direction::In, listen).await?;
    named(old, target, Wanted::Out, since, listen).await?;
    open(old, target, Direction::Out, listen).await?;
    named(old, target, Wanted::Held, since, listen).await
}

fn read_account(json: &str) -> Result<OldAccount, MoveError> {
    let read = Row::read("ledgerAccounts", json).and_then(|row| OldAccount::read(&row));
    read.map_err(|refusal| MoveError::Refused(vec![refusal]))
}

async fn create_accounts(old: &mut OldInstallation, target: &Target, listen: Listener<'_>) -> Result<(), MoveError> {
    // The asset's own accounts are created first, together, because they are few.
    let mut assets: BTreeMap<u32, LedgerAsset> = BTreeMap::new();
    let (mut batch, mut count) = (Vec::with_capacity(BATCH), 0);
    let mut accounts = old.backend.accounts();
    while let Some(json) = accounts.try_next().await? {
        let account = read_account(&json)?;
        if assets.insert(account.asset.ledger, account.asset).is_none() {
            create(target, asset_accounts(&account.asset)).await?;
        }
        if !matches!(account.kind, AccountKind::Settlement | AccountKind::Asset) {
            batch.push(account.account());
        }
        if batch.len() >= BATCH {
            count += batch.len() as u64;
            create(target, std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).await?;
            listen(Step::Booked("accounts", count));
        }
    }
    count += batch.len() as u64;
    create(target, batch).await?;
    listen(Step::Booked("accounts", count));
    Ok(())
}

async fn create(target: &Target, accounts: Vec<NewAccount>) -> Result<(), MoveError> {
    use ledger::CreateAccountResult as R;
    if accounts.is_empty() {
        return Ok(());
    }
    let results = target.ledger.create_accounts(accounts.clone()).await?;
    for (result, account) in results.into_iter().zip(accounts) {
        // If a pair was booked before, the answer is `Exists` for its first and `LinkedEventFailed` for its second
        // transfer.
        let fits = match result {
            R::Created | R::Exists | R::LinkedEventFailed => true,
            R::ExistsWithDifferentFlags => was_linked_otherwise(target, account).await?,
            _ => false,
        };
        if !fits {
            return Err(MoveError::Account(account.id.to_string(), result));
        }
    }
    Ok(())
}

/// Whether the account is there and only its link differs. In a cluster that was the original's, another account of the
/// pair may have been the first. The link has no effect after the creation.
async fn was_linked_otherwise(target: &Target, mut wanted: NewAccount) -> Result<bool, MoveError> {
    let found = target.ledger.accounts(vec![wanted.id]).await?;
    let Some(Some(found)) = found.first() else { return Ok(false) };
    wanted.flags.linked = found.created.flags.linked;
    Ok(found.created == wanted)
}

/// Which side of an account an opening transfer fills.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// Books the missing part of the accounts' totals.
async fn open(
    old: &mut OldInstallation,
    target: &Target,
    direction: Direction,
    listen: Listener<'_>,
) -> Result<(), MoveError> {
    let mut accounts = old.backend.accounts();
    let (mut batch, mut count) = (Vec::with_capacity(BATCH), 0);
    loop {
        let json = accounts.try_next().await?;
        if let Some(json) = &json {
            batch.push(read_account(json)?);
        }
        if batch.len() >= BATCH || (json.is_none() && !batch.is_empty()) {
            count += batch.len() as u64;
            open_some(target, &std::mem::take(&mut batch), direction).await?;
            let what = if direction == Direction::In { "openings in" } else { "openings out" };
            listen(Step::Booked(what, count));
        }
        if json.is_none() {
            return Ok(());
        }
    }
}

async fn open_some(target: &Target, accounts: &[OldAccount], direction: Direction) -> Result<(), MoveError> {
    let here = target.ledger.accounts(accounts.iter().map(OldAccount::id).collect()).await?;
    let mut openings = Vec::with_capacity(accounts.len());
    for (account, here) in accounts.iter().zip(here) {
        let (debits, credits) = here.map_or((0, 0), |here| (here.debits_posted, here.credits_posted));
        if debits > account.debits || credits > account.credits {
            return Err(MoveError::Ahead(account.id().to_string()));
        }
        // A settlement account's debits are the other accounts' credits.
        let gives = account.kind == AccountKind::Settlement;
        let opening = match direction {
            Direction::In if gives => account.open_debits(debits),
            Direction::In => account.open_credits(credits),
            Direction::Out if gives => account.open_credits(credits),
            Direction::Out => account.open_debits(debits),
        };
        openings.extend(opening);
    }
    submit(target, openings).await
}

async fn submit(target: &Target, transfers: Vec<NewTransfer>) -> Result<(), MoveError> {
    if transfers.is_empty() {
        return Ok(());
    }
    let ids: Vec<TransferId> = transfers.iter().map(|transfer| transfer.id).collect();
    let results = target.ledger.submit(transfers).await?;
    match results.iter().zip(ids).find(|(result, _)| !result.is_ok()) {
        Some((result, id)) => Err(MoveError::Booking(id, *result)),
        None => Ok(()),
    }
}

/// Which of the named transfers are booked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Deposits.
    In,
    /// Withdrawals that were made, and holds that have ended.
    Out,
    /// Holds that have not ended.
    Held,
}

impl Wanted {
    fn takes(self, transfer: &OldTransfer) -> bool {
        let deposit = transfer.transfer.code == DEPOSIT;
        match transfer.state {
            OldState::Held { .. } => self == Self::Held,
            OldState::Single | OldState::Posted if deposit => self == Self::In,
            OldState::Voided | OldState::Single | OldState::Posted => self == Self::Out,
        }
    }
}

async fn named(
    old: &mut OldInstallation,
    target: &Target,
    wanted: Wanted,
    since: Option<Timestamp>,
    listen: Listener<'_>,
) -> Result<(), MoveError> {
    stream(old, target, Transfers::Named, since, |transfer| wanted.takes(transfer), listen).await
}

/// Replays all transfers in order. Holds that have not ended come last.
async fn replay(
    old: &mut OldInstallation,
    target: &Target,
    since: Option<Timestamp>,
    listen: Listener<'_>,
) -> Result<(), MoveError> {
    let over = |transfer: &OldTransfer| !Wanted::Held.takes(transfer);
    stream(old, target, Transfers::All, since, over, listen).await
}

async fn stream(
    old: &mut OldInstallation,
    target: &Target,
    which: Transfers,
    since: Option<Timestamp>,
    wanted: impl Fn(&OldTransfer) -> bool,
    listen: Listener<'_>,
) -> Result<(), MoveError> {
    let at = old.at();
    let mut rows = old.backend.transfers(which, since);
    let (mut batch, mut count) = (Vec::with_capacity(BATCH), 0);

    loop {
        let json = rows.try_next().await?;
        if let Some(json) = &json {
            let read = Row::read("ledgerTransfers", json).and_then(|row| OldTransfer::read(&row, at));
            let transfer = read.map_err(|refusal| MoveError::Refused(vec![refusal]))?;
            if wanted(&transfer) {
                batch.push(transfer);
            }
        }

        if batch.len() >= BATCH || (json.is_none() && !batch.is_empty()) {
            count += batch.len() as u64;
            book(target, &std::mem::take(&mut batch), at).await?;
            listen(Step::Booked("transfers", count));
        }

        if json.is_none() {
            return Ok(());
        }
    }
}

/// Books transfers under their own ids. Transfers that were held are settled as in the original.
async fn book(target: &Target, transfers: &[OldTransfer], at: Timestamp) -> Result<(), MoveError> {
    let two_phase: Vec<TransferId> = transfers
        .iter()
        .filter(|transfer| transfer.state != OldState::Single)
        .map(|transfer| transfer.transfer.id)
        .collect();

    let mut here: BTreeMap<TransferId, Transfer> = BTreeMap::new();
    if !two_phase.is_empty() {
        let found = target.ledger.transfers(two_phase).await?;
        here.extend(found.into_iter().flatten().map(|transfer| (transfer.created.id, transfer)));
    }

    let passed = target.clock.now().saturating_since(at).as_secs();
    let mut submitted = Vec::with_capacity(transfers.len() * 2);
    for transfer in transfers {
        add(&mut submitted, transfer, here.get(&transfer.transfer.id), passed);
    }

    let ids: Vec<TransferId> = submitted.iter().map(|transfer| transfer.id).collect();
    if submitted.is_empty() {
        return Ok(());
    }

    let results = target.ledger.submit(submitted).await?;
    match results.iter().zip(ids).find(|(result, _)| !is_booked(**result)) {
        Some((result, id)) => Err(MoveError::Booking(id, *result)),
        None => Ok(()),
    }
}

/// Whether an id is used up, either by a transfer or by a refusal for lack of money. After such a refusal an opening
/// transfer books the missing total.
fn is_booked(result: CreateTransferResult) -> bool {
    use CreateTransferResult as R;
    result.is_ok()
        || result.is_transient()
        || matches!(
            result,
            R::IdAlreadyFailed
                | R::PendingTransferAlreadyPosted
                | R::PendingTransferAlreadyVoided
                | R::PendingTransferExpired
                | R::LinkedEventFailed
        )
}

fn add(submitted: &mut Vec<NewTransfer>, old: &OldTransfer, here: Option<&Transfer>, passed: u64) {
    let transfer = old.transfer;

    match (old.state, here.map(|here| here.state)) {
        (OldState::Single, _) => submitted.push(transfer),
        (OldState::Posted, None) => {
            submitted.push(transfer.into_pending_for_ever());
            submitted.push(NewTransfer::post(old.settling("posted by the move"), transfer.id));
        }
        (OldState::Posted, Some(TransferState::Pending)) => {
            submitted.push(NewTransfer::post(old.settling("posted by the move"), transfer.id));
        }
        // It timed out in our ledger and was posted in the original.
        (OldState::Posted, Some(TransferState::Expired | TransferState::Voided)) => {
            submitted.push(NewTransfer { id: old.settling("posted after it ran out"), ..transfer });
        }
        (OldState::Voided, None) => {
            submitted.push(transfer.into_pending_for_ever());
            submitted.push(NewTransfer::void(old.settling("given back by the move"), transfer.id));
        }
        (OldState::Voided, Some(TransferState::Pending)) => {
            submitted.push(NewTransfer::void(old.settling("given back by the move"), transfer.id));
        }
        (OldState::Held { seconds }, None) => {
            let left = u64::from(seconds).saturating_sub(passed).max(1);
            submitted.push(transfer.into_pending(u32::try_from(left).unwrap_or(u32::MAX)));
        }
        _ => {}
    }
}
