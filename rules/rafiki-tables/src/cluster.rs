//! Accounts and transfers of the original's TigerBeetle cluster as the rows that Rafiki 2.4 would have written into its
//! tables without TigerBeetle.
//!
//! Ids, codes and flags in the cluster are those of our ledger. What the rows mean is in `books`.

use ledger::{Account, Placed, Transfer};
use payments_model::accounting::{AccountKind, DEPOSIT, TRANSFER, WITHDRAWAL};
use serde_json::json;
use uuid::Uuid;

use crate::refusal::{Reason, Refusal};

const ACCOUNTS: &str = "ledgerAccounts";
const TRANSFERS: &str = "ledgerTransfers";

/// The row of an account, as a JSON object; `None` for accounts that only our ledger has. The cluster contains such
/// accounts after an earlier pass into it.
pub fn account_row(account: &Placed<Account>) -> Result<Option<String>, Refusal> {
    let created = account.record.created;
    let asset = Uuid::from_u128(created.user_data_128);
    let id = created.id.as_uuid();

    let (word, owner) = match created.code {
        code if code == AccountKind::WebMonetization as u16 => ("LIQUIDITY_WEB_MONETIZATION", id),
        code if code == AccountKind::Asset as u16 => ("LIQUIDITY_ASSET", id),
        code if code == AccountKind::Peer as u16 => ("LIQUIDITY_PEER", id),
        code if code == AccountKind::Incoming as u16 => ("LIQUIDITY_INCOMING", id),
        code if code == AccountKind::Outgoing as u16 => ("LIQUIDITY_OUTGOING", id),
        code if code == AccountKind::Settlement as u16 => ("SETTLEMENT", asset),
        code if crate::books::is_ours_alone(code) => return Ok(None),
        code => {
            let known = "the codes of Rafiki 2.4 (1, 2, 3, 4, 5, 101)";
            let reason = Reason::UnknownWord { column: "code", found: code.to_string(), known };
            return Err(Refusal::new(ACCOUNTS, id.to_string(), reason));
        }
    };

    let at = account.record.timestamp.to_string();
    let row = json!({
        "id": id, "accountRef": owner, "ledger": created.ledger, "type": word, "createdAt": at, "updatedAt": at,
    });
    Ok(Some(row.to_string()))
}

/// What a record of the cluster does to the table of transfers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferChange {
    /// A new row.
    New(String),
    /// A pending row gets its final state.
    Settled(String),
    /// Nothing. It moves no money, or it belongs to our ledger alone.
    None,
}

/// The change that a transfer makes.
pub fn transfer_change(transfer: &Placed<Transfer>) -> Result<TransferChange, Refusal> {
    let created = transfer.record.created;
    let at = transfer.record.timestamp.to_string();
    let settled = |state: &str, amount: Option<u128>| {
        let amount = amount.map(|amount| amount.to_string());
        let pending = created.pending_id.as_uuid();
        json!({ "transferRef": pending, "state": state, "amount": amount, "updatedAt": at }).to_string()
    };

    if created.flags.post_pending_transfer {
        return Ok(TransferChange::Settled(settled("POSTED", Some(created.amount))));
    }
    if created.flags.void_pending_transfer {
        return Ok(TransferChange::Settled(settled("VOIDED", None)));
    }

    let kind = match created.code {
        TRANSFER => None,
        DEPOSIT => Some("DEPOSIT"),
        WITHDRAWAL => Some("WITHDRAWAL"),
        code if crate::books::moves_within_ours(code) => return Ok(TransferChange::None),
        code => {
            let known = "the codes of Rafiki 2.4 (1, 2, 3)";
            let reason = Reason::UnknownWord { column: "code", found: code.to_string(), known };
            return Err(Refusal::new(TRANSFERS, created.id.as_uuid().to_string(), reason));
        }
    };
    if created.amount == 0 {
        return Ok(TransferChange::None);
    }

    // The row's own id is its position, so that rows with one time keep their order.
    let row = json!({
        "id": Uuid::from_u128(transfer.place.into()),
        "transferRef": created.id.as_uuid(),
        "debitAccountId": created.debit_account_id.as_uuid(),
        "creditAccountId": created.credit_account_id.as_uuid(),
        "amount": created.amount.to_string(),
        "ledger": created.ledger,
        "expiresAt": transfer.record.expires_at().filter(|_| created.flags.pending).map(|until| until.to_string()),
        "state": if created.flags.pending { "PENDING" } else { "POSTED" },
        "type": kind,
        "createdAt": at,
        "updatedAt": at,
    });
    Ok(TransferChange::New(row.to_string()))
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;
    use ledger::{AccountFlags, AccountId, NewAccount, NewTransfer, TransferId, TransferState};

    use super::*;

    fn account(id: u128, code: u16) -> Placed<Account> {
        let created = NewAccount {
            id: AccountId::from_u128(id),
            ledger: 7,
            code,
            flags: AccountFlags::default(),
            user_data_128: 0xa,
            user_data_64: 0,
            user_data_32: 0,
        };
        let record = Account {
            created,
            debits_pending: 0,
            debits_posted: 0,
            credits_pending: 0,
            credits_posted: 0,
            timestamp: Timestamp::EPOCH,
        };
        Placed { place: 1, record }
    }

    fn transfer(created: NewTransfer) -> Placed<Transfer> {
        Placed { place: 9, record: Transfer { created, state: TransferState::Single, timestamp: Timestamp::EPOCH } }
    }

    fn value(row: &str) -> serde_json::Value {
        serde_json::from_str(row).unwrap()
    }

    fn hold(amount: u128) -> NewTransfer {
        let (id, debit, credit) = (TransferId::from_u128(5), AccountId::from_u128(7), AccountId::from_u128(8));
        NewTransfer::single(id, debit, credit, amount, 7, WITHDRAWAL)
    }

    #[test]
    fn a_settlement_account_belongs_to_the_asset_in_its_user_data() {
        let row = value(&account_row(&account(7, 101)).unwrap().unwrap());
        assert_eq!(row["type"], "SETTLEMENT");
        assert_eq!(row["accountRef"], Uuid::from_u128(0xa).to_string());
        assert_eq!(row["id"], Uuid::from_u128(7).to_string());
        let peer = value(&account_row(&account(8, 3)).unwrap().unwrap());
        assert_eq!((&peer["type"], &peer["accountRef"]), (&"LIQUIDITY_PEER".into(), &peer["id"]));
    }

    #[test]
    fn an_account_of_an_unknown_code_is_refused_and_an_account_of_our_ledger_is_left_out() {
        assert!(account_row(&account(8, 77)).unwrap_err().to_string().contains("code is \"77\""));
        for code in [6, 102, 103] {
            assert_eq!(account_row(&account(8, code)).unwrap(), None);
        }
    }

    #[test]
    fn a_hold_is_pending_until_its_deadline_and_a_post_names_it() {
        let TransferChange::New(row) = transfer_change(&transfer(hold(3).into_pending(5))).unwrap() else { panic!() };
        let row = value(&row);
        assert_eq!((&row["state"], &row["type"]), (&"PENDING".into(), &"WITHDRAWAL".into()));
        assert_eq!(row["expiresAt"], "1970-01-01T00:00:05.000Z");
        let mut post = NewTransfer::post(TransferId::from_u128(6), TransferId::from_u128(5));
        post.amount = 2;
        let TransferChange::Settled(settled) = transfer_change(&transfer(post)).unwrap() else { panic!() };
        let settled = value(&settled);
        assert_eq!((&settled["state"], &settled["amount"]), (&"POSTED".into(), &"2".into()));
        assert_eq!(settled["transferRef"], row["transferRef"]);
    }

    #[test]
    fn a_final_transfer_has_no_deadline_and_a_transfer_of_nothing_is_left_out() {
        let TransferChange::New(row) = transfer_change(&transfer(hold(3))).unwrap() else { panic!() };
        assert_eq!((&value(&row)["state"], &value(&row)["expiresAt"]), (&"POSTED".into(), &serde_json::Value::Null));
        assert_eq!(transfer_change(&transfer(hold(0))).unwrap(), TransferChange::None);
    }
}
