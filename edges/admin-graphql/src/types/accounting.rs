//! Transfers in the ledger.
//! Finding them is in `queries`.

use std::time::Duration;

use async_graphql::{Enum, ID, SimpleObject};
use ledger::Transfer;
use payments::administration::AccountTransfers;
use payments_model::accounting::{DEPOSIT, WITHDRAWAL};

use crate::scalars::{UInt8, UInt64};

#[derive(SimpleObject)]
pub(crate) struct AccountingTransferConnection {
    debits: Vec<AccountingTransfer>,
    credits: Vec<AccountingTransfer>,
}

impl From<AccountTransfers> for AccountingTransferConnection {
    fn from(found: AccountTransfers) -> Self {
        let shown = |side: Vec<Transfer>| side.into_iter().map(AccountingTransfer::from).collect();
        Self { debits: shown(found.debits), credits: shown(found.credits) }
    }
}

#[derive(SimpleObject)]
pub(crate) struct AccountingTransfer {
    #[graphql(owned)]
    pub(crate) id: ID,
    debit_account_id: ID,
    credit_account_id: ID,
    amount: UInt64,
    transfer_type: TransferType,
    ledger: UInt8,
    #[graphql(owned)]
    pub(crate) created_at: String,
    state: TransferState,
    expires_at: Option<String>,
}

impl From<Transfer> for AccountingTransfer {
    fn from(transfer: Transfer) -> Self {
        let made = transfer.created;
        let expiry = (made.timeout_seconds > 0)
            .then(|| transfer.timestamp + Duration::from_secs(u64::from(made.timeout_seconds)));
        Self {
            id: made.id.to_string().into(),
            debit_account_id: made.debit_account_id.to_string().into(),
            credit_account_id: made.credit_account_id.to_string().into(),
            amount: UInt64(u64::try_from(made.amount).unwrap_or(u64::MAX)),
            transfer_type: match made.code {
                DEPOSIT => TransferType::Deposit,
                WITHDRAWAL => TransferType::Withdrawal,
                _ => TransferType::Transfer,
            },
            // The schema allows 255 ledgers.
            ledger: UInt8(u8::try_from(made.ledger).unwrap_or(u8::MAX)),
            created_at: transfer.timestamp.to_string(),
            state: match transfer.state {
                ledger::TransferState::Single | ledger::TransferState::Posted => TransferState::Posted,
                ledger::TransferState::Pending => TransferState::Pending,
                ledger::TransferState::Voided | ledger::TransferState::Expired => TransferState::Voided,
            },
            expires_at: expiry.map(|at| at.to_string()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum TransferType {
    Deposit,
    Withdrawal,
    Transfer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum TransferState {
    Pending,
    Posted,
    Voided,
}
