//! The options of `rafiki ledger balance` and `rafiki ledger export`.
//! What the commands do is beside this file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use ledger::AccountId;
use uuid::Uuid;

use crate::ledger_place::LedgerPlace;

#[derive(Debug, Args)]
pub(crate) struct BalanceOptions {
    /// The account: the id of a wallet address, asset, peer or payment, or the number of a settlement account's ledger.
    #[arg(value_parser = account)]
    pub(crate) account: AccountId,
    /// The balance at this instant instead of now, for example 2026-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// The ledger, as for `rafiki ledger verify`; by default that of the backend configured by the environment.
    #[arg(long, value_name = "URL")]
    pub(crate) ledger: Option<LedgerPlace>,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerExportOptions {
    /// The ledger, as for `rafiki ledger verify`; by default that of the backend configured by the environment.
    pub(crate) url: Option<LedgerPlace>,
    /// The form of a line.
    #[arg(long, value_enum, default_value_t = LineForm::Csv)]
    pub(crate) format: LineForm,
    /// Begin after this entry: the last one of an earlier export.
    #[arg(long, value_name = "ENTRY", default_value_t = 0)]
    pub(crate) after: u64,
    /// Leave out entries before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    /// Leave out entries at this time and later.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
    /// Only entries of this account.
    #[arg(long, value_parser = account)]
    pub(crate) account: Option<AccountId>,
    /// A new file, which only its owner may read, instead of standard output. It gets its name when it is complete.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

/// The form of an exported line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineForm {
    /// Comma-separated values with a line of names (RFC 4180).
    Csv,
    /// One JSON object in each line.
    Json,
}

fn account(text: &str) -> Result<AccountId, String> {
    let id = text.parse::<Uuid>().map(|id| id.as_u128()).or_else(|_| text.parse::<u128>());
    id.map(AccountId::from_u128).map_err(|_| {
        "an account is named by the id of its wallet address, asset, peer or payment, for example \
         438fa74a-fa7d-4317-9ced-dde32ece1787; a settlement account by the number of its ledger"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_an_id_or_a_number() {
        assert_eq!(account("1"), Ok(AccountId::from_u128(1)));
        assert_eq!(account("00000000-0000-0000-0000-0000000000ff"), Ok(AccountId::from_u128(255)));
        for wrong in ["", "-1", "peer", "00000000-0000-0000-0000"] {
            assert!(account(wrong).unwrap_err().contains("settlement"), "{wrong}");
        }
    }
}
