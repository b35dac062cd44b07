//! The modules of the wallet: users, agreements, and accounts with payments. Each has tables of its own. What one needs of
//! another is a message of that module, whether both run in one process or not.
//!
//! `docs/wallet.md` has a drawing. What each module does is in the files of its subject.

mod accounts;
mod agreements;
mod link;
mod no_ledger;
mod runs;
mod users;

pub(crate) use accounts::{Accounts, AccountsAsked, Obstacle, Whole};
pub(crate) use agreements::{Agreements, AgreementsAsked, AgreementsHere};
pub use link::ModuleLink;
pub(crate) use link::{Answers, ModuleError, Port, answer_of};
pub use no_ledger::NoLedger;
pub use runs::{Module, Runs};
pub(crate) use users::{UsersAsked, UsersPort};

/// The ways to the three modules. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Modules {
    pub(crate) users: UsersPort,
    pub(crate) agreements: Agreements,
    pub(crate) accounts: Accounts,
}

/// The modules that run elsewhere. A module without a link runs in this process.
#[derive(Clone, Default)]
pub struct ModuleLinks {
    /// To the users.
    pub users: Option<ModuleLink>,
    /// To the agreements.
    pub agreements: Option<ModuleLink>,
    /// To the accounts and payments.
    pub accounts: Option<ModuleLink>,
}

impl ModuleLinks {
    /// What runs in this process.
    pub fn runs(&self) -> Runs {
        Runs { users: self.users.is_none(), agreements: self.agreements.is_none(), accounts: self.accounts.is_none() }
    }

    /// The link to a module, if it runs elsewhere.
    pub fn to(&self, module: Module) -> Option<&ModuleLink> {
        match module {
            Module::Users => self.users.as_ref(),
            Module::Agreements => self.agreements.as_ref(),
            Module::Accounts => self.accounts.as_ref(),
        }
    }
}
