//! The original's accounts and transfers, rebuilt from our journal entry by entry.
//!
//! Deposits, withdrawals and movements become rows in their order. Opening transfers of an import have a counterpart
//! that the original does not have: at the end they become transfers between the accounts (`pairs`). What is expected
//! of incoming payments is no money there, and is left out.

use std::collections::BTreeMap;

use clock::Timestamp;
use ledger::{AccountId, Cause, Entry, Event, Movement, NewAccount, NewTransfer, TransferState};
use payments_model::accounting::{AccountKind, DEPOSIT, EXPECTATION, LedgerAsset, TRANSFER, WITHDRAWAL};
use uuid::Uuid;

use crate::back::pairs::{Pair, Share, Unpaired, pair};
use crate::back::{BackChange, OldRow, OldTable, derived, derived_once};
use crate::books::{OPENING, OPENING_ACCOUNT, opening_account};
use crate::record::{Value, object};
use crate::refusal::{Reason, Refusal};

/// The journal as far as it was read.
#[derive(Debug)]
pub struct Books {
    at: Timestamp,
    assets: BTreeMap<u32, LedgerAsset>,
    openings: BTreeMap<u32, Openings>,
    clock: Times,
    /// Accounts that the original has, too.
    pub accounts: u64,
    /// Transfers that became rows.
    pub transfers: u64,
    /// Reservations of packets whose outcome is not known yet.
    pub undecided: u64,
    /// Reservations that have timed out and are still counted as pending: debits and credits of each account.
    pub timed_out: BTreeMap<AccountId, (u128, u128)>,
    /// What was changed.
    pub changes: BTreeMap<BackChange, u64>,
}

#[derive(Debug, Default)]
struct Openings {
    given: Vec<Share>,
    got: Vec<Share>,
}

/// Makes times that follow the order of the entries, because the original orders rows of one time by their random ids.
#[derive(Debug, Default)]
struct Times {
    millis: i64,
    within: i64,
}

impl Times {
    fn next(&mut self, at: Timestamp) -> Value<'static> {
        if at.as_millis() == self.millis {
            self.within = (self.within + 1).min(999);
        } else {
            (self.millis, self.within) = (at.as_millis(), 0);
        }
        Value::Time(self.millis.saturating_mul(1000).saturating_add(self.within))
    }
}

/// A state of a transfer in the original.
#[derive(Clone, Copy)]
enum State {
    Single,
    Posted { at: Timestamp },
    Voided { until: Timestamp },
    Pending { until: Timestamp },
}

impl Books {
    /// Before the first entry. `at` is the instant of the snapshot.
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            assets: BTreeMap::new(),
            openings: BTreeMap::new(),
            clock: Times::default(),
            accounts: 0,
            transfers: 0,
            undecided: 0,
            timed_out: BTreeMap::new(),
            changes: BTreeMap::new(),
        }
    }

    /// The row of the next entry, if the original has one. `decided` is the outcome of a reservation that it made.
    pub fn read(&mut self, entry: &Entry, decided: Option<TransferState>) -> Result<Option<OldRow>, Refusal> {
        match &entry.event {
            Event::AccountCreated(account) => self.account(account, entry.timestamp),
            Event::Moved(movement) => self.movement(movement, entry.timestamp, decided),
            // Ids of refused transfers. The original keeps none.
            Event::IdSpent(_) => Ok(None),
        }
    }

    fn account(&mut self, account: &NewAccount, at: Timestamp) -> Result<Option<OldRow>, Refusal> {
        let asset = LedgerAsset { id: Uuid::from_u128(account.user_data_128).into(), ledger: account.ledger };
        self.assets.insert(account.ledger, asset);
        let kind = match account.code {
            code if code == AccountKind::Settlement as u16 => "SETTLEMENT",
            code if code == AccountKind::Asset as u16 => "LIQUIDITY_ASSET",
            code if code == AccountKind::Peer as u16 => "LIQUIDITY_PEER",
            code if code == AccountKind::Incoming as u16 => "LIQUIDITY_INCOMING",
            code if code == AccountKind::Outgoing as u16 => "LIQUIDITY_OUTGOING",
            code if code == AccountKind::WebMonetization as u16 => "LIQUIDITY_WEB_MONETIZATION",
            code if code == AccountKind::Expected as u16 || code == AccountKind::Expectations as u16 => {
                return Ok(None);
            }
            OPENING_ACCOUNT => return Ok(None),
            code => {
                let reason = Reason::UnknownToOriginal(format!("account of code {code}"));
                return Err(Refusal::new("ledger accounts", account.id.to_string(), reason));
            }
        };
        let owner = if kind == "SETTLEMENT" { asset.id.as_uuid() } else { account.id.as_uuid() };
        self.accounts += 1;
        let at = Value::Time(at.as_millis().saturating_mul(1000));
        let values = [
            ("id", row_of(account.id).into()),
            ("accountRef", owner.into()),
            ("ledger", account.ledger.into()),
            ("type", kind.into()),
            ("createdAt", at.clone()),
            ("updatedAt", at),
        ];
        Ok(Some(OldRow { table: OldTable::LedgerAccounts, json: object(&values) }))
    }

    fn movement(
        &mut self,
        movement: &Movement,
        at: Timestamp,
        decided: Option<TransferState>,
    ) -> Result<Option<OldRow>, Refusal> {
        let transfer = &movement.transfer;
        match transfer.code {
            EXPECTATION => return Ok(None),
            OPENING => return self.opening(transfer).map(|()| None),
            TRANSFER | DEPOSIT | WITHDRAWAL => {}
            code => return Err(refuse(transfer, Reason::UnknownToOriginal(format!("transfer of code {code}")))),
        }
        if transfer.amount == 0 {
            self.change(BackChange::EmptyTransferLeftOut);
            return Ok(None);
        }
        match movement.cause {
            Cause::Made if transfer.flags.pending => self.reservation(transfer, at, decided),
            Cause::Made => self.row(transfer, transfer.id.as_uuid(), State::Single, at).map(Some),
            Cause::Settled { .. } if transfer.flags.post_pending_transfer => {
                self.row(transfer, transfer.pending_id.as_uuid(), State::Posted { at }, at).map(Some)
            }
            Cause::Settled { .. } | Cause::Expired { .. } => Ok(None),
        }
    }

    /// A reservation that was posted becomes a row at its post, because that is when the money moved.
    fn reservation(
        &mut self,
        transfer: &NewTransfer,
        at: Timestamp,
        decided: Option<TransferState>,
    ) -> Result<Option<OldRow>, Refusal> {
        let lives = i64::from(transfer.timeout_seconds) * 1000;
        let until = (lives > 0).then(|| Timestamp::from_millis(at.as_millis().saturating_add(lives)));
        let given_back = match decided {
            Some(TransferState::Posted) => return Ok(None),
            Some(TransferState::Voided | TransferState::Expired) => true,
            _ if until.is_some_and(|until| until <= self.at) => {
                let amount = transfer.amount;
                self.timed_out.entry(transfer.debit_account_id).or_default().0 += amount;
                self.timed_out.entry(transfer.credit_account_id).or_default().1 += amount;
                true
            }
            _ => false,
        };
        match (transfer.code, given_back, until) {
            // Packets that moved nothing.
            (TRANSFER, true, _) => Ok(None),
            (TRANSFER, false, _) | (_, false, None) => {
                self.undecided += 1;
                Ok(None)
            }
            (_, true, until) => {
                self.change(BackChange::HoldVoided);
                let state = State::Voided { until: until.unwrap_or(at) };
                self.row(transfer, transfer.id.as_uuid(), state, at).map(Some)
            }
            (_, false, Some(until)) => {
                self.row(transfer, transfer.id.as_uuid(), State::Pending { until }, at).map(Some)
            }
        }
    }

    fn opening(&mut self, transfer: &NewTransfer) -> Result<(), Refusal> {
        let asset = self.assets.get(&transfer.ledger);
        let asset = asset.ok_or_else(|| refuse(transfer, Reason::Missing("account of its asset")))?;
        let counterpart = opening_account(asset).id;
        let openings = self.openings.entry(transfer.ledger).or_default();
        if transfer.debit_account_id == counterpart {
            openings.got.push(Share { account: transfer.credit_account_id, amount: transfer.amount });
        } else {
            openings.given.push(Share { account: transfer.debit_account_id, amount: transfer.amount });
        }
        Ok(())
    }

    /// After the last entry: the transfers that take the place of opening transfers.
    pub fn openings(&mut self) -> Result<Vec<OldRow>, Refusal> {
        let mut rows = Vec::new();
        for (ledger, openings) in std::mem::take(&mut self.openings) {
            let pairs = pair(&openings.given, &openings.got).map_err(|reason: Unpaired| {
                Refusal::new(
                    "ledgers",
                    ledger.to_string(),
                    Reason::UnknownToOriginal(format!("such opening: {reason}")),
                )
            })?;
            for (n, made) in (0..).zip(pairs) {
                let Pair { from, to, amount } = made;
                let step = format!("opening of ledger {ledger} for {to}");
                let id = derived(from.as_uuid(), &step, n).into();
                let transfer = NewTransfer::single(id, from, to, amount, ledger, TRANSFER);
                rows.push(self.row(&transfer, id.as_uuid(), State::Single, self.at)?);
            }
        }
        Ok(rows)
    }

    fn row(&mut self, transfer: &NewTransfer, reference: Uuid, state: State, at: Timestamp) -> Result<OldRow, Refusal> {
        let amount = i64::try_from(transfer.amount).map_err(|_| {
            refuse(transfer, Reason::TooLargeForOriginal { column: "amount", found: transfer.amount.to_string() })
        })?;
        let (word, until) = match state {
            State::Single => ("POSTED", None),
            State::Posted { at } => ("POSTED", Some(at)),
            State::Voided { until } => ("VOIDED", Some(until)),
            State::Pending { until } => ("PENDING", Some(until)),
        };
        let kind = match transfer.code {
            DEPOSIT => Value::Text("DEPOSIT"),
            WITHDRAWAL => Value::Text("WITHDRAWAL"),
            _ => Value::Null,
        };
        self.transfers += 1;
        let made = self.clock.next(at);
        let values = [
            ("id", derived_once(reference, "row of the transfer").into()),
            ("transferRef", reference.into()),
            ("debitAccountId", row_of(transfer.debit_account_id).into()),
            ("creditAccountId", row_of(transfer.credit_account_id).into()),
            ("amount", Value::Integer(amount)),
            ("ledger", transfer.ledger.into()),
            ("expiresAt", until.map_or(Value::Null, |until| Value::Time(until.as_millis().saturating_mul(1000)))),
            ("state", word.into()),
            ("type", kind),
            ("createdAt", made.clone()),
            ("updatedAt", made),
        ];
        Ok(OldRow { table: OldTable::LedgerTransfers, json: object(&values) })
    }

    fn change(&mut self, change: BackChange) {
        *self.changes.entry(change).or_default() += 1;
    }
}

/// The id of the row of an account.
fn row_of(account: AccountId) -> Uuid {
    derived_once(account.as_uuid(), "row of the account")
}

fn refuse(transfer: &NewTransfer, reason: Reason) -> Refusal {
    Refusal::new("ledger transfers", transfer.id.to_string(), reason)
}
