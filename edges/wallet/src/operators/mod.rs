//! The operators of the wallet: who they are, what they did, what the wallet earned, and where liquidity was low.
//!
//! Their pages are in `pages/operator`. What the instance itself knows, its console shows.

mod accounts;
mod income;
mod liquidity;
mod record;

use std::collections::BTreeSet;

pub(crate) use accounts::{FoundAccount, account, called, frozen};
pub(crate) use income::{Income, IncomeDay, days, sums};
pub(crate) use liquidity::{Answer, LowLiquidity, Resource, Topup, decide, done, latest};
pub(crate) use record::{Act, Acting, Deed, Line, Stage, begin, end, lines, lines_about};

/// The users who may open the operators' pages, by their e-mail addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operators(BTreeSet<String>);

impl Operators {
    pub(crate) fn new(emails: &[String]) -> Self {
        Self(emails.iter().map(|email| email.trim().to_lowercase()).collect())
    }

    /// Whether the user with this address is one of them. Addresses of users are stored in small letters.
    pub(crate) fn has(&self, email: &str) -> bool {
        self.0.contains(email)
    }
}
