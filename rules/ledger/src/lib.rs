//! The rules of the ledger: accounts, two-phase transfers and the `Ledger` trait of every engine.
//!
//! It has no clock, no storage and no currency conversion. The model and its words are TigerBeetle's.

mod account;
mod chain;
mod create_accounts;
mod create_transfers;
mod engine;
mod entry;
mod ids;
mod journal;
mod memory;
mod queries;
mod record;
mod totals;
mod transfer;
mod working_set;

pub use account::{Account, AccountFlags, CreateAccountResult, NewAccount};
pub use engine::{Ledger, LedgerFuture, LedgerUnavailable};
pub use entry::{AccountState, Balances, Cause, Entry, Event, Movement, Posting};
pub use ids::{AccountId, TransferId};
pub use journal::{JournalPage, LedgerJournal, Placed};
pub use memory::MemoryLedger;
pub use queries::{LedgerQueries, PAGE_MAX, TransferPage, newest_transfers};
pub use record::{ChainHash, GENESIS, MalformedRecord, chain_hash};
pub use totals::{LedgerTotals, Totals};
pub use transfer::{CreateTransferResult, NewTransfer, Transfer, TransferFlags, TransferState};
pub use working_set::{Head, Recorded, WorkingSet};
