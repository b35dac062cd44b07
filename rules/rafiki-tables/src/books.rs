//! The original's accounts and transfers as those of our ledger.
//!
//! Deposits and withdrawals keep their ids, which clients and events know. What moved between accounts is carried as
//! totals: one opening transfer for what each account got and one for what it gave, against an account of the asset
//! that holds what came before. Not the submitting.

use clock::Timestamp;
use ledger::{AccountFlags, AccountId, NewAccount, NewTransfer, TransferId};
use payments_model::accounting::{AccountKind, DEPOSIT, LedgerAsset, TRANSFER, WITHDRAWAL};
use uuid::Uuid;

use crate::refusal::{Reason, Refusal};
use crate::row::Row;

/// Code of an account that holds what came before the move.
pub(crate) const OPENING_ACCOUNT: u16 = 103;
/// Code of a transfer that opens an account with its history's totals.
pub const OPENING: u16 = 5;

/// An account of the original with its totals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldAccount {
    /// Its owner; of a settlement account, the asset.
    pub owner: Uuid,
    /// What it is.
    pub kind: AccountKind,
    /// The asset of its ledger.
    pub asset: LedgerAsset,
    /// Debits made for good.
    pub debits: u128,
    /// Credits made for good.
    pub credits: u128,
    /// Debits held by withdrawals that have not run out.
    pub held_debits: u128,
    /// Credits held likewise.
    pub held_credits: u128,
}

impl OldAccount {
    /// Reads the row of an account, joined with its asset and its totals.
    pub fn read(row: &Row<'_>) -> Result<Self, Refusal> {
        let known: &[&str] = &[
            "SETTLEMENT",
            "LIQUIDITY_ASSET",
            "LIQUIDITY_PEER",
            "LIQUIDITY_INCOMING",
            "LIQUIDITY_OUTGOING",
            "LIQUIDITY_WEB_MONETIZATION",
        ];
        let kind = match row.word("type", known)? {
            "SETTLEMENT" => AccountKind::Settlement,
            "LIQUIDITY_ASSET" => AccountKind::Asset,
            "LIQUIDITY_PEER" => AccountKind::Peer,
            "LIQUIDITY_INCOMING" => AccountKind::Incoming,
            "LIQUIDITY_OUTGOING" => AccountKind::Outgoing,
            _ => AccountKind::WebMonetization,
        };
        let total = |column| {
            let value = row.optional_integer(column)?.unwrap_or(0);
            u128::try_from(value).map_err(|_| row.refuse(Reason::Negative { column, found: value.to_string() }))
        };
        let account = Self {
            owner: row.uuid("accountRef")?,
            kind,
            asset: asset(row)?,
            debits: total("debits")?,
            credits: total("credits")?,
            held_debits: total("heldDebits")?,
            held_credits: total("heldCredits")?,
        };
        account.require_balance(row)?;
        Ok(account)
    }

    /// What our ledger refuses: an account that gave more than it got.
    fn require_balance(&self, row: &Row<'_>) -> Result<(), Refusal> {
        let (gave, got) = match self.kind {
            AccountKind::Settlement => (self.credits + self.held_credits, self.debits),
            _ => (self.debits + self.held_debits, self.credits),
        };
        match gave.checked_sub(got) {
            Some(short) if short > 0 => Err(row.refuse(Reason::Overdrawn(short.to_string()))),
            _ => Ok(()),
        }
    }

    /// Its id here: the owner's; of a settlement account, the ledger's number.
    pub fn id(&self) -> AccountId {
        match self.kind {
            AccountKind::Settlement => self.asset.settlement_account(),
            _ => AccountId::from(self.owner),
        }
    }

    /// The account here.
    pub fn account(&self) -> NewAccount {
        self.asset.account(self.id(), self.kind)
    }

    /// Opens what is still missing of its credits, given what it has here.
    pub fn open_credits(&self, here: u128) -> Option<NewTransfer> {
        let missing = self.credits.checked_sub(here).filter(|missing| *missing > 0)?;
        Some(self.opening("opening credits", here, opening_account(&self.asset).id, self.id(), missing))
    }

    /// Opens what is still missing of its debits, given what it has here.
    pub fn open_debits(&self, here: u128) -> Option<NewTransfer> {
        let missing = self.debits.checked_sub(here).filter(|missing| *missing > 0)?;
        Some(self.opening("opening debits", here, self.id(), opening_account(&self.asset).id, missing))
    }

    /// The id follows from the account and from what was there before, so a repetition moves nothing.
    fn opening(&self, step: &str, here: u128, from: AccountId, to: AccountId, amount: u128) -> NewTransfer {
        let attempt = u64::try_from(here).unwrap_or(u64::MAX);
        let id = TransferId::derived(self.id().as_uuid(), step, attempt);
        NewTransfer::single(id, from, to, amount, self.asset.ledger, OPENING)
    }
}

/// The asset's own accounts, which are made together, and the one that holds what came before.
pub fn asset_accounts(asset: &LedgerAsset) -> Vec<NewAccount> {
    let mut accounts = asset.own_accounts();
    accounts.push(opening_account(asset));
    accounts
}

/// The account that holds what came before the move: it has no limit, and ends with as much in as out.
pub(crate) fn opening_account(asset: &LedgerAsset) -> NewAccount {
    NewAccount {
        id: AccountId::derived(asset.id.as_uuid(), "opening", 0),
        ledger: asset.ledger,
        code: OPENING_ACCOUNT,
        flags: AccountFlags::default(),
        user_data_128: asset.id.as_uuid().as_u128(),
        user_data_64: 0,
        user_data_32: 0,
    }
}

/// The asset that a row was joined with.
pub fn asset(row: &Row<'_>) -> Result<LedgerAsset, Refusal> {
    Ok(LedgerAsset { id: row.uuid("assetId")?.into(), ledger: row.count("ledger")? })
}

/// How a transfer of the original stands at the instant of the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldState {
    /// Made, at once.
    Single,
    /// Held, and then made.
    Posted,
    /// Held, and given back or run out.
    GivenBack,
    /// Held for so many more seconds, rounded up.
    Held {
        /// At least 1.
        seconds: u32,
    },
}

/// A transfer of the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldTransfer {
    /// As it is made here; a hold without its time.
    pub transfer: NewTransfer,
    /// How it stands.
    pub state: OldState,
}

impl OldTransfer {
    /// Reads the row of a transfer, joined with the accounts of both sides.
    pub fn read(row: &Row<'_>, at: Timestamp) -> Result<Self, Refusal> {
        let state = row.word("state", &["PENDING", "POSTED", "VOIDED"])?;
        let expires_at = row.optional_instant("expiresAt")?;
        let amount = row.amount("amount")?;
        if amount == 0 {
            let wanted = "amount above zero";
            return Err(row.refuse(Reason::Malformed { column: "amount", found: "0".to_owned(), wanted }));
        }
        let side = |kind: &'static str, owner: &'static str| {
            Ok(match row.text(kind)?.as_str() {
                "SETTLEMENT" => AccountId::from_u128(row.count("ledger")?.into()),
                _ => AccountId::from(row.uuid(owner)?),
            })
        };
        let (debit, credit) = (side("debitType", "debitRef")?, side("creditType", "creditRef")?);
        let code = match row.optional_text("type")?.as_deref() {
            None => TRANSFER,
            Some(_) if row.word("type", &["DEPOSIT", "WITHDRAWAL"])? == "DEPOSIT" => DEPOSIT,
            Some(_) => WITHDRAWAL,
        };
        let id = TransferId::from(row.uuid("transferRef")?);
        let transfer = NewTransfer::single(id, debit, credit, amount.into(), row.count("ledger")?, code);
        let state = match (state, expires_at) {
            ("POSTED", None) => OldState::Single,
            ("POSTED", Some(_)) => OldState::Posted,
            ("PENDING", None) => return Err(row.refuse(Reason::Missing("expiresAt"))),
            ("PENDING", Some(until)) if until > at => {
                let millis = u64::try_from(until.as_millis() - at.as_millis()).unwrap_or(0);
                OldState::Held { seconds: u32::try_from(millis.div_ceil(1000)).unwrap_or(u32::MAX).max(1) }
            }
            _ => OldState::GivenBack,
        };
        Ok(Self { transfer, state })
    }

    /// The id of the transfer that settles a hold.
    pub fn settling(&self, step: &str) -> TransferId {
        TransferId::derived(self.transfer.id.as_uuid(), step, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(kind: AccountKind, debits: u128, credits: u128) -> OldAccount {
        let asset = LedgerAsset { id: Uuid::from_u128(1).into(), ledger: 7 };
        OldAccount { owner: Uuid::from_u128(2), kind, asset, debits, credits, held_debits: 0, held_credits: 0 }
    }

    #[test]
    fn an_opening_adds_what_is_missing_and_a_repetition_has_the_same_id() {
        let account = old(AccountKind::Peer, 30, 100);
        let opening = account.open_credits(40).unwrap();
        assert_eq!(opening.amount, 60);
        assert_eq!(account.open_credits(40), Some(opening));
        assert_ne!(account.open_credits(41).unwrap().id, opening.id);
        assert_eq!(account.open_credits(100), None);
        assert_eq!(account.open_debits(0).unwrap().debit_account_id, account.id());
        assert_eq!(old(AccountKind::Settlement, 0, 0).id().as_u128(), 7);
    }

    #[test]
    fn a_hold_keeps_the_seconds_it_has_left_rounded_up() {
        let json = |expiry: &str, state: &str| {
            format!(
                r#"{{"id":"a","transferRef":"11111111-1111-4111-8111-111111111111","amount":5,"ledger":7,"state":"{state}",
                "type":"WITHDRAWAL","debitType":"LIQUIDITY_PEER","debitRef":"22222222-2222-4222-8222-222222222222",
                "creditType":"SETTLEMENT","creditRef":"33333333-3333-4333-8333-333333333333","expiresAt":{expiry}}}"#
            )
        };
        let at = Timestamp::from_millis(1_000_000);
        let state = |expiry: &str, state: &str| {
            let json = json(expiry, state);
            OldTransfer::read(&Row::read("ledgerTransfers", &json).unwrap(), at).unwrap().state
        };
        assert_eq!(state("\"1970-01-01T00:16:41.5+00:00\"", "PENDING"), OldState::Held { seconds: 2 });
        assert_eq!(state("\"1970-01-01T00:16:40+00:00\"", "PENDING"), OldState::GivenBack);
        assert_eq!(state("\"1970-01-01T00:16:40+00:00\"", "POSTED"), OldState::Posted);
        assert_eq!(state("null", "POSTED"), OldState::Single);
        assert_eq!(state("null", "VOIDED"), OldState::GivenBack);
    }
}
