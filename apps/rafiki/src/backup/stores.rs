//! The databases of the chosen roles, with the names that they have in a backup, and what no backup of them holds.
//! They are read from the roles' configuration; nothing is opened.

use std::path::Path;

use config::{Accounting, DatabaseUrl, Environment};
use service_auth::ServiceRole;

use crate::failure::Failure;
use crate::places::{Holds, Place};
use crate::role_name::RoleFile;

/// A database of a role.
pub(crate) struct RoleStore {
    /// Its name in the backup, for example `backend-ledger`.
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// The databases of the chosen roles.
#[derive(Default)]
pub(crate) struct Stores {
    /// The name of the installation, if one of the roles has it.
    pub(crate) installation: Option<String>,
    pub(crate) all: Vec<RoleStore>,
    /// In words, what belongs to these roles and is in none of the databases.
    pub(crate) elsewhere: Vec<String>,
}

const SECRETS: &str = "the variables of the roles, and the keys and files that they name: keep them apart. Without \
                       STREAM_SECRET, receivers that were handed out cannot be paid; without DB_ENCRYPTION_SECRET, what \
                       is sealed in the database cannot be read";

impl Stores {
    /// Reads the configuration of the roles.
    pub(crate) fn of(chosen: &[RoleFile]) -> Result<Self, Failure> {
        let usual = RoleFile::usual();
        let mut stores = Self::default();
        let mut problems = String::new();
        for role in if chosen.is_empty() { &usual[..] } else { chosen } {
            let environment = match &role.file {
                Some(file) => Environment::of_file(file)?,
                None => Environment::load()?,
            };
            if let Err(error) = stores.add(role.role, &environment) {
                problems.extend([role.role.as_str(), ": ", &error.to_string(), "\n"]);
            }
        }
        if !problems.is_empty() {
            let advice =
                "Name the roles of the installation, each with its variables: backend=backend.env auth=auth.env";
            return Err(Failure::Check(format!("{problems}{advice}")));
        }
        stores.elsewhere.push(SECRETS.to_owned());
        Ok(stores)
    }

    fn add(&mut self, role: ServiceRole, environment: &Environment) -> Result<(), config::ConfigError> {
        match role {
            ServiceRole::Backend => {
                let config = config::Backend::from_environment(environment)?;
                self.places(role, Place::of_backend(&config));
                self.shared(role, &config.database, config.redis.is_some());
                if let Accounting::TigerBeetle { cluster_id, replica_addresses } = &config.accounting {
                    self.elsewhere.push(format!(
                        "the money: it is in the TigerBeetle cluster {cluster_id} ({}), whose replicas are its backup",
                        replica_addresses.join(",")
                    ));
                }
                self.installation = Some(config.instance_name);
            }
            ServiceRole::Auth => {
                let config = config::Auth::from_environment(environment)?;
                self.places(role, Place::of_auth(&config));
                self.shared(role, &config.database, config.redis.is_some());
            }
            ServiceRole::Wallet => {
                self.places(role, Place::of_wallet(&config::Wallet::from_environment(environment)?));
            }
            ServiceRole::CardService => {
                self.places(role, Place::of_card_service(&config::CardService::from_environment(environment)?));
            }
            ServiceRole::PointOfSale => {
                self.places(role, Place::of_point_of_sale(&config::PointOfSale::from_environment(environment)?));
            }
            ServiceRole::Shop => {
                self.places(role, Place::of_shop(&config::Shop::from_environment(environment)?));
            }
            ServiceRole::Console => {
                let config = config::Console::from_environment(environment)?;
                self.elsewhere.push(format!(
                    "the files of the console: {} and {}",
                    config.audit_file.display(),
                    config.approvals_file.display()
                ));
            }
            ServiceRole::Rates => {
                let config = config::Rates::from_environment(environment)?;
                self.elsewhere.push(format!("the file of rates: {}", config.file.display()));
            }
        }
        Ok(())
    }

    fn places(&mut self, role: ServiceRole, places: Vec<Place>) {
        for place in places {
            let name = match place.holds {
                Holds::Ledger => format!("{}-ledger", role.as_str()),
                Holds::Stores(_) | Holds::Anything => role.as_str().to_owned(),
            };
            self.all.push(RoleStore { name, place });
        }
    }

    /// Beside an SQLite file, what processes share for a time is in a file of its own. On a server it is a table.
    fn shared(&mut self, role: ServiceRole, database: &DatabaseUrl, redis: bool) {
        if redis {
            let text = "Redis: idempotency keys and used signatures of the last day";
            if !self.elsewhere.iter().any(|said| said == text) {
                self.elsewhere.push(text.to_owned());
            }
            return;
        }
        if database.file().is_none() {
            return;
        }
        let url = database.sibling("shared");
        let place = Place { what: "what processes share", variable: "the database URL", url, holds: Holds::Anything };
        self.all.push(RoleStore { name: shared_name(role), place });
    }

    /// Leaves out files of shared values that are not there. A role that has never run has none.
    pub(crate) fn without_missing_shared(&mut self, there: impl Fn(&RoleStore) -> bool) {
        self.all.retain(|store| store.place.holds != Holds::Anything || there(store));
    }

    /// The databases for a backup; several stores may be in one.
    pub(crate) fn places_of_backup(&self) -> Vec<backup::Place> {
        backup::Place::together(self.all.iter().map(|store| (store.name.clone(), store.place.url.expose().to_owned())))
    }

    /// The URLs of the ledgers, with their names.
    pub(crate) fn ledgers(&self) -> impl Iterator<Item = &RoleStore> {
        self.all.iter().filter(|store| store.place.holds == Holds::Ledger)
    }
}

impl RoleStore {
    /// Whether its file is there.
    pub(crate) fn file_exists(&self) -> bool {
        self.place.url.file().is_some_and(|file| Path::new(file).is_file())
    }
}

fn shared_name(role: ServiceRole) -> String {
    format!("{}-shared", role.as_str())
}
