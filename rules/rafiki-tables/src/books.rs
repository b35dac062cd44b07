//! Translates the original's accounts and transfers to those of our ledger.
//!
//! Deposits and withdrawals keep their ids, which clients and events know. Movements between accounts are moved as
//! totals: one opening transfer for an account's credits and one for its debits, against one account of the asset. The
//! transfers are submitted elsewhere.

use clock::Timestamp;
use ledger::{AccountFlags, AccountId, NewAccount, NewTransfer, TransferId};
use payments_model::accounting::{AccountKind, DEPOSIT, EXPECTATION, LedgerAsset, TRANSFER, WITHDRAWAL};
use uuid::Uuid;

use crate::refusal::{Reason, Refusal};
use crate::row::Row;

/// Code of the account against which opening transfers are made.
pub(crate) const OPENING_ACCOUNT: u16 = 103;
/// Code of an opening transfer.
pub const OPENING: u16 = 5;

/// An account of the original with its totals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldAccount {
    /// Its owner; for a settlement account, the asset.
    pub owner: Uuid,
    /// Its kind.
    pub kind: AccountKind,
    /// The asset of its ledger.
    pub asset: LedgerAsset,
    /// Posted debits.
    pub debits: u128,
    /// Posted credits.
    pub credits: u128,
    /// Debits pending in withdrawals that have not timed out.
    pub held_debits: u128,
    /// Pending credits.
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

    /// Our ledger refuses an account with more debits than credits.
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

    /// Its id here: the owner's id; for a settlement account, the ledger's number.
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

    /// The opening transfer of its missing credits, given its credits here.
    pub fn open_credits(&self, here: u128) -> Option<NewTransfer> {
        let missing = self.credits.checked_sub(here).filter(|missing| *missing > 0)?;
        Some(self.opening("opening credits", here, opening_account(&self.asset).id, self.id(), missing))
    }

    /// The opening transfer of its missing debits, given its debits here.
    pub fn open_debits(&self, here: u128) -> Option<NewTransfer> {
        let missing = self.debits.checked_sub(here).filter(|missing| *missing > 0)?;
        Some(self.opening("opening debits", here, self.id(), opening_account(&self.asset).id, missing))
    }

    /// The id is derived from the account and its earlier total here, so a repetition moves nothing.
    fn opening(&self, step: &str, here: u128, from: AccountId, to: AccountId, amount: u128) -> NewTransfer {
        let attempt = u64::try_from(here).unwrap_or(u64::MAX);
        let id = TransferId::derived(self.id().as_uuid(), step, attempt);
        NewTransfer::single(id, from, to, amount, self.asset.ledger, OPENING)
    }
}

/// The asset's own accounts, created together, including the one for opening transfers.
pub fn asset_accounts(asset: &LedgerAsset) -> Vec<NewAccount> {
    let mut accounts = asset.own_accounts();
    accounts.push(opening_account(asset));
    accounts
}

/// Whether accounts of this code exist in our ledger only, and not in the original's.
pub(crate) fn is_ours_alone(code: u16) -> bool {
    code == OPENING_ACCOUNT || code == AccountKind::Expected as u16 || code == AccountKind::Expectations as u16
}

/// Whether transfers of this code are between accounts of which one exists in our ledger only.
pub(crate) fn moves_within_ours(code: u16) -> bool {
    code == OPENING || code == EXPECTATION
}

/// The account for opening transfers. It has no limit, and ends with equal debits and credits.
pub(crate) fn opening_account(asset: &LedgerAsset) -> NewAccount {
    NewAccount {
        id: AccountId::derived_once(asset.id.as_uuid(), "opening"),
        ledger: asset.ledger,
        code: OPENING_ACCOUNT,
        flags: AccountFlags::default(),
        user_data_128: asset.id.as_uuid().as_u128(),
        user_data_64: 0,
        user_data_32: 0,
    }
}

/// The asset joined to a row.
pub fn asset(row: &Row<'_>) -> Result<LedgerAsset, Refusal> {
    Ok(LedgerAsset { id: row.uuid("assetId")?.into(), ledger: row.count("ledger")? })
}

/// The state of a transfer of the original at the time of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldState {
    /// Final at once.
    Single,
    /// Pending, then posted.
    Posted,
    /// Pending, then voided or timed out.
    Voided,
    /// Still pending for this many seconds, rounded up.
    Held {
        /// At least 1.
        seconds: u32,
    },
}

/// A transfer of the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldTransfer {
    /// The transfer here. A pending one has no time-out yet.
    pub transfer: NewTransfer,
    /// Its state.
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
            _ => OldState::Voided,
        };

        Ok(Self { transfer, state })
    }

    /// The id of the transfer that settles a hold.
    pub fn settling(&self, step: &str) -> TransferId {
        TransferId::derived_once(self.transfer.id.as_uuid(), step)
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
        assert_eq!(state("\"1970-01-01T00:16:40+00:00\"", "PENDING"), OldState::Voided);
        assert_eq!(state("\"1970-01-01T00:16:40+00:00\"", "POSTED"), OldState::Posted);
        assert_eq!(state("null", "POSTED"), OldState::Single);
        assert_eq!(state("null", "VOIDED"), OldState::Voided);
    }
}
