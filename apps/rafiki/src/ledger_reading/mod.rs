//! `rafiki ledger balance` and `rafiki ledger export`: what a ledger says, read while its owner runs.
//! They write nothing into the ledger and prove nothing; that is the work of `rafiki ledger verify`.

mod balance;
mod export;
mod line;
pub(crate) mod options;

pub(crate) use balance::balance;
pub(crate) use export::export;

use crate::failure::Failure;
use crate::ledger_place::LedgerPlace;

/// The place that was named, or that of the configured backend.
fn place(named: Option<&LedgerPlace>) -> Result<LedgerPlace, Failure> {
    match named {
        Some(place) => Ok(place.clone()),
        None => Ok(LedgerPlace::of(&config::Backend::from_environment(&config::Environment::load()?)?)),
    }
}

fn unreadable(reason: impl ToString) -> Failure {
    Failure::Unreadable(reason.to_string())
}
