//! The databases of each role: their purpose, and whether they can be used.
//!
//! They are checked before anything is written. The roles open their connections.

use std::fmt;

use config::{Accounting, DatabaseUrl};
use database::{Contents, Unreachable};

use crate::failure::Failure;

/// A database of a role.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its name for people.
    pub(crate) what: &'static str,
    /// The variable with its URL.
    pub(crate) variable: &'static str,
    pub(crate) url: DatabaseUrl,
    pub(crate) holds: Holds,
}

/// The contents that a role needs in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Tables of these stores.
    Stores(&'static [&'static str]),
    /// A ledger, alone or beside the stores of the same role.
    Ledger,
    /// Tables of this program.
    Anything,
}

/// Why a place cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    Unreachable(Unreachable),
    NotOurs(database::NotOurs),
}

const BACKEND: &[&str] = &["payments", "jobs", "shared_cache", "moving"];
const AUTH: &[&str] = &["auth", "jobs", "shared_cache"];
const CARD_SERVICE: &[&str] = &["card_service", "jobs"];
const POINT_OF_SALE: &[&str] = &["point_of_sale", "jobs"];
const SHOP: &[&str] = &["shop"];
const WALLET: &[&str] = &["wallet", "jobs"];

impl Place {
    pub(crate) fn of_backend(config: &config::Backend) -> Vec<Self> {
        let mut places = vec![Self {
            what: "the backend's database",
            variable: "DATABASE_URL",
            url: config.database.clone(),
            holds: Holds::Stores(BACKEND),
        }];
        if config.accounting == Accounting::Sql {
            let url = config.ledger_database.clone();
            places.push(Self { what: "the ledger", variable: "LEDGER_DATABASE_URL", url, holds: Holds::Ledger });
        }
        places
    }

    pub(crate) fn of_auth(config: &config::Auth) -> Vec<Self> {
        let what = "the authorization server's database";
        let holds = Holds::Stores(AUTH);
        vec![Self { what, variable: "AUTH_DATABASE_URL", url: config.database.clone(), holds }]
    }

    pub(crate) fn of_wallet(config: &config::Wallet) -> Vec<Self> {
        let what = "the wallet's database";
        let holds = Holds::Stores(WALLET);
        let own = Self { what, variable: "DATABASE_URL", url: config.database.clone(), holds };
        if !config.modules.role.runs_accounts() {
            return vec![own];
        }
        let ledger = config.database.sibling("ledger");
        vec![own, Self { what: "the wallet's ledger", variable: "DATABASE_URL", url: ledger, holds: Holds::Ledger }]
    }

    pub(crate) fn of_card_service(config: &config::CardService) -> Vec<Self> {
        let what = "the card service's database";
        let holds = Holds::Stores(CARD_SERVICE);
        vec![Self { what, variable: "CARD_DATABASE_URL", url: config.database.clone(), holds }]
    }

    pub(crate) fn of_point_of_sale(config: &config::PointOfSale) -> Vec<Self> {
        let what = "the point of sale's database";
        let holds = Holds::Stores(POINT_OF_SALE);
        vec![Self { what, variable: "POS_DATABASE_URL", url: config.database.clone(), holds }]
    }

    pub(crate) fn of_shop(config: &config::Shop) -> Vec<Self> {
        let holds = Holds::Stores(SHOP);
        let url = config.database.clone();
        vec![Self { what: "the shop's database", variable: "SHOP_DATABASE_URL", url, holds }]
    }

    /// The contents of the place, if the role may use it. Changes nothing.
    pub(crate) async fn look(&self) -> Result<Contents, Unusable> {
        let contents = Contents::of(self.url.expose()).await.map_err(Unusable::Unreachable)?;
        let fits = match self.holds {
            Holds::Stores(stores) => contents.require(stores),
            Holds::Ledger | Holds::Anything => contents.require_ledger(),
        };
        fits.map(|()| contents).map_err(Unusable::NotOurs)
    }

    /// The failure of a start, in words.
    pub(crate) fn failure(&self, reason: &dyn fmt::Display) -> Failure {
        Failure::start(self.what, format!("{reason} ({}={})", self.variable, self.url))
    }
}

impl Unusable {
    /// Whether a later attempt may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(reason) => reason.may_pass(),
            Self::NotOurs(_) => false,
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => reason.fmt(f),
            Self::NotOurs(reason) => reason.fmt(f),
        }
    }
}
