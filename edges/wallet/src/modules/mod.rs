//! The modules of the wallet: users, agreements, accounts, and payments. Each has tables of its own. What one needs of
//! another is a message of that module, whether both run in one process or not.
//!
//! `docs/wallet.md` has a drawing. What each module does is in the files of its subject.

mod accounts;
mod agreements;
mod link;
mod no_ledger;
mod obstacle;
mod payments;
mod runs;
mod users;

pub(crate) use accounts::{Accounts, AccountsAsked, Cost, Kept, Reserved};
pub(crate) use agreements::{Agreements, AgreementsAsked, AgreementsHere};
pub use link::ModuleLink;
pub(crate) use link::{Answers, ModuleError, Port, answer_of};
pub use no_ledger::NoLedger;
pub(crate) use obstacle::{Obstacle, Whole};
pub(crate) use payments::{Payments, PaymentsAsked};
pub use runs::{Module, Runs};
pub(crate) use users::{UsersAsked, UsersPort};

/// The ways to the four modules. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Modules {
    pub(crate) users: UsersPort,
    pub(crate) agreements: Agreements,
    pub(crate) accounts: Accounts,
    pub(crate) payments: Payments,
}

/// The modules that run elsewhere. A module without a link runs in this process.
#[derive(Clone, Default)]
pub struct ModuleLinks {
    /// To the users.
    pub users: Option<ModuleLink>,
    /// To the agreements.
    pub agreements: Option<ModuleLink>,
    /// To the accounts.
    pub accounts: Option<ModuleLink>,
    /// To the payments.
    pub payments: Option<ModuleLink>,
}

impl ModuleLinks {
    /// What runs in this process.
    pub fn runs(&self) -> Runs {
        Runs {
            users: self.users.is_none(),
            agreements: self.agreements.is_none(),
            accounts: self.accounts.is_none(),
            payments: self.payments.is_none(),
        }
    }

    /// The link to a module, if it runs elsewhere.
    pub fn to(&self, module: Module) -> Option<&ModuleLink> {
        match module {
            Module::Users => self.users.as_ref(),
            Module::Agreements => self.agreements.as_ref(),
            Module::Accounts => self.accounts.as_ref(),
            Module::Payments => self.payments.as_ref(),
        }
    }
}
