//! A role on the command line: its name, and the file with its variables.
//! The options are in `cli` and beside their commands.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;

impl RoleName {
    /// The roles that every installation has.
    pub(crate) const USUAL: [Self; 3] = [Self::Backend, Self::Auth, Self::Wallet];

    /// The word on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Auth => "auth",
            Self::Wallet => "wallet",
            Self::CardService => "card-service",
            Self::PointOfSale => "point-of-sale",
            Self::Console => "console",
            Self::Rates => "rates",
            Self::Shop => "shop",
        }
    }
}

/// A role and the file with its variables: `backend`, or `backend=backend.env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleFile {
    pub(crate) role: RoleName,
    pub(crate) file: Option<PathBuf>,
}

impl FromStr for RoleFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, file) = match text.split_once('=') {
            Some((role, file)) => (role, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let role = RoleName::from_str(role, true).map_err(|_| {
            format!(
                "{role:?} is not a role; write backend, auth, wallet, card-service, point-of-sale, console, rates or shop, and add =FILE if its variables are in a file"
            )
        })?;
        Ok(Self { role, file })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// The backend.
    Backend,
    /// The authorization server.
    Auth,
    /// The account-servicing entity.
    Wallet,
    /// The card service.
    CardService,
    /// The point of sale.
    PointOfSale,
    /// The console.
    Console,
    /// The service of exchange rates.
    Rates,
    /// The sample shop.
    Shop,
}
