//! `rafiki migrate`: migrates databases without starting a role, and reports what it did.
//!
//! Every role is checked before the first database is changed.

use std::sync::Arc;
use std::time::Duration;

use clock::SystemClock;
use config::{ConfigError, Environment};
use database::{Contents, Database, Migrations, Options};
use ledger_sql::SqlLedger;
use service_auth::ServiceRole;

use crate::cli::RoleOptions;
use crate::failure::Failure;
use crate::output::say;
use crate::places::{Holds, Place};
use crate::roles::waiting::{Patience, for_places};

/// How long a database may take to start. The operator waits for the command.
const PATIENCE: Patience = Patience::AtMost(Duration::from_mins(1));

/// The migrations of every store that a database may have.
pub(crate) const EVERY_STORE: [Migrations; 9] = [
    payments_store::MIGRATIONS,
    auth_store::MIGRATIONS,
    jobs::MIGRATIONS,
    shared_cache::MIGRATIONS,
    wallet::MIGRATIONS,
    card_service::MIGRATIONS,
    point_of_sale::MIGRATIONS,
    shop::MIGRATIONS,
    moving::MIGRATIONS,
];

/// The migrations of a role's database.
pub(crate) fn migrations_of(role: ServiceRole) -> &'static [Migrations] {
    const BACKEND: &[Migrations] = &[payments_store::MIGRATIONS, jobs::MIGRATIONS, shared_cache::MIGRATIONS];
    const AUTH: &[Migrations] = &[auth_store::MIGRATIONS, jobs::MIGRATIONS, shared_cache::MIGRATIONS];
    const WALLET: &[Migrations] = &[jobs::MIGRATIONS, wallet::MIGRATIONS];
    const CARD_SERVICE: &[Migrations] = &[jobs::MIGRATIONS, card_service::MIGRATIONS];
    const POINT_OF_SALE: &[Migrations] = &[jobs::MIGRATIONS, point_of_sale::MIGRATIONS];
    const SHOP: &[Migrations] = &[shop::MIGRATIONS];
    match role {
        ServiceRole::Backend => BACKEND,
        ServiceRole::Auth => AUTH,
        ServiceRole::Wallet => WALLET,
        ServiceRole::CardService => CARD_SERVICE,
        ServiceRole::PointOfSale => POINT_OF_SALE,
        ServiceRole::Shop => SHOP,
        // They have no database.
        ServiceRole::Console | ServiceRole::Rates => &[],
    }
}

/// One role's databases, and the tables it needs there.
struct Plan {
    role: &'static str,
    places: Vec<Place>,
    migrations: &'static [Migrations],
}

impl Plan {
    fn of(role: ServiceRole, environment: &Environment) -> Result<Self, ConfigError> {
        let places = match role {
            ServiceRole::Backend => Place::of_backend(&config::Backend::from_environment(environment)?),
            ServiceRole::Auth => Place::of_auth(&config::Auth::from_environment(environment)?),
            ServiceRole::Wallet => Place::of_wallet(&config::Wallet::from_environment(environment)?),
            ServiceRole::CardService => Place::of_card_service(&config::CardService::from_environment(environment)?),
            ServiceRole::PointOfSale => Place::of_point_of_sale(&config::PointOfSale::from_environment(environment)?),
            ServiceRole::Shop => Place::of_shop(&config::Shop::from_environment(environment)?),
            ServiceRole::Console | ServiceRole::Rates => Vec::new(),
        };
        Ok(Self { role: role.as_str(), places, migrations: migrations_of(role) })
    }
}

pub(crate) async fn run(options: &RoleOptions) -> Result<(), Failure> {
    telemetry::start("warn", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let environment = Environment::load()?;
    let plans = plans(&options.chosen(), &environment)?;
    require_own_databases(&plans)?;
    for plan in &plans {
        for_places(&plan.places, PATIENCE).await?;
    }
    for plan in &plans {
        say(&format!("{}: {}\n", plan.role, carry_out(plan).await?));
    }
    Ok(())
}

fn plans(roles: &[ServiceRole], environment: &Environment) -> Result<Vec<Plan>, Failure> {
    let mut plans = Vec::new();
    let mut problems = String::new();
    for role in roles {
        match Plan::of(*role, environment) {
            Ok(plan) => plans.push(plan),
            Err(error) => problems.extend([role.as_str(), ": ", &error.to_string(), "\n"]),
        }
    }
    if problems.is_empty() {
        return Ok(plans);
    }
    let advice = "Nothing was changed. To migrate one role only, name it: rafiki migrate backend";
    Err(Failure::Check(format!("{problems}{advice}")))
}

/// Two roles must not share a database.
fn require_own_databases(plans: &[Plan]) -> Result<(), Failure> {
    let stores = |plan: &Plan| plan.places.iter().find(|place| place.holds != Holds::Ledger).cloned();
    let places: Vec<_> = plans.iter().filter_map(|plan| Some((plan.role, stores(plan)?))).collect();
    for (at, (role, place)) in places.iter().enumerate() {
        if let Some((other, _)) = places[..at].iter().find(|(_, other)| other.url == place.url) {
            return Err(Failure::Check(format!(
                "{other} and {role} would share one database ({}={}); every role needs its own. Nothing was changed. \
                 Migrate each with its own variables: rafiki migrate {role}",
                place.variable, place.url
            )));
        }
    }
    Ok(())
}

/// Migrates a role's databases and reports what was done.
async fn carry_out(plan: &Plan) -> Result<String, Failure> {
    let mut done = Vec::new();
    for place in &plan.places {
        let failed = |error: database::Error| place.failure(&error);
        match place.holds {
            Holds::Stores(_) => {
                let database = Database::connect(place.url.expose(), &Options::default()).await.map_err(failed)?;
                let mut applied = Vec::new();
                for migrations in plan.migrations {
                    applied.extend(database.migrate(migrations).await.map_err(failed)?);
                }

                database.close().await;
                if !applied.is_empty() {
                    done.push(format!("applied {} to {}", applied.join(", "), place.url));
                }
            }
            // It is made by the role.
            Holds::Anything => {}
            Holds::Ledger => {
                let before = place.look().await.map_err(|reason| place.failure(&reason))?;
                if !matches!(before, Contents::Ours { ledger: true, .. }) {
                    // Opening a ledger creates its tables.
                    let ledger = SqlLedger::open(place.url.expose(), Arc::new(SystemClock)).await;
                    ledger.map_err(|error| place.failure(&error))?.close().await;
                    done.push(format!("made the tables of the ledger in {}", place.url));
                }
            }
        }
    }

    Ok(if done.is_empty() { "nothing to do, everything was up to date".to_owned() } else { done.join("; ") })
}
