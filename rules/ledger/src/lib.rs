//! The ledger's law: accounts, two-phase transfers and the `Ledger` trait every engine fulfils.
//!
//! Pure: no clock, no storage, no currency conversion. The model and its words are TigerBeetle's.

mod account;
mod engine;
mod ids;
mod transfer;

pub use account::{Account, AccountFlags, CreateAccountResult, NewAccount};
pub use engine::{Ledger, LedgerFuture, LedgerUnavailable};
pub use ids::{AccountId, TransferId};
pub use transfer::{CreateTransferResult, NewTransfer, Transfer, TransferFlags, TransferState};
