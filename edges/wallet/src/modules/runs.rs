//! The names of the modules, and which of them run in a process.
//!
//! How they speak is in `link`.

use std::fmt;

use serde::{Deserialize, Serialize};
use service_auth::{Service, Wanted};

/// A module that may run as a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Module {
    /// Who the customers are, and who is signed in.
    Users,
    /// What applications may do, and what customers decided about it.
    Agreements,
    /// Accounts with their ledger and history, and what is held in them.
    Accounts,
    /// Payments, requests, contacts, cards, and the events of the instance.
    Payments,
}

impl Module {
    /// Every module.
    pub const ALL: [Self; 4] = [Self::Users, Self::Agreements, Self::Accounts, Self::Payments];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Agreements => "agreements",
            Self::Accounts => "accounts",
            Self::Payments => "payments",
        }
    }

    /// What a caller needs.
    pub const fn wanted(self) -> Wanted {
        match self {
            Self::Users => Wanted::WALLET_USERS,
            Self::Agreements => Wanted::WALLET_AGREEMENTS,
            Self::Accounts => Wanted::WALLET_ACCOUNTS,
            Self::Payments => Wanted::WALLET_PAYMENTS,
        }
    }

    /// Its name as a service.
    pub const fn service(self) -> Service {
        self.wanted().service
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The modules that run in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each names one module")]
pub struct Runs {
    /// Users.
    pub users: bool,
    /// Agreements.
    pub agreements: bool,
    /// Accounts.
    pub accounts: bool,
    /// Payments.
    pub payments: bool,
}

impl Runs {
    /// Whether all do.
    pub const fn all(self) -> bool {
        self.users && self.agreements && self.accounts && self.payments
    }
}
