//! `rafiki migrate`: brings databases up to date without starting anything.

use std::sync::Arc;

use auth_store::AuthStore;
use clock::SystemClock;
use config::{Auth, Backend, DatabaseUrl, Environment};
use ledger_sql::SqlLedger;
use payments_store::Store;
use wallet::Wallet;

use crate::cli::{RoleName, RoleOptions};
use crate::failure::Failure;
use crate::output::say;
use crate::roles::cache;
use crate::roles::ground::open;

pub(crate) async fn run(options: &RoleOptions) -> Result<(), Failure> {
    let environment = Environment::load()?;
    for role in options.chosen() {
        match role {
            RoleName::Backend => backend(&Backend::from_environment(&environment)?).await?,
            RoleName::Auth => auth(&Auth::from_environment(&environment)?).await?,
            RoleName::Wallet => wallet(&config::Wallet::from_environment(&environment)?).await?,
        }
    }
    Ok(())
}

async fn backend(config: &Backend) -> Result<(), Failure> {
    let what = "the backend's database";
    let database = open(&config.database, what).await?;
    Store::open(database.clone()).await.map_err(|error| Failure::start(what, error))?;
    database.migrate(&jobs::MIGRATIONS).await.map_err(|error| Failure::start(what, error))?;
    cache::migrate(&database).await.map_err(|error| Failure::start(what, error))?;
    database.close().await;
    ledger(&config.ledger_database).await?;
    say(&format!("backend: up to date ({}, {})\n", config.database, config.ledger_database));
    Ok(())
}

async fn auth(config: &Auth) -> Result<(), Failure> {
    let what = "the authorization server's database";
    let database = open(&config.database, what).await?;
    AuthStore::new(database.clone()).migrate().await.map_err(|error| Failure::start(what, error))?;
    cache::migrate(&database).await.map_err(|error| Failure::start(what, error))?;
    database.close().await;
    say(&format!("auth: up to date ({})\n", config.database));
    Ok(())
}

async fn wallet(config: &config::Wallet) -> Result<(), Failure> {
    let what = "the wallet's database";
    let database = open(&config.database, what).await?;
    Wallet::migrate(&database).await.map_err(|error| Failure::start(what, error))?;
    database.close().await;
    ledger(&config.database.sibling("ledger")).await?;
    say(&format!("wallet: up to date ({})\n", config.database));
    Ok(())
}

/// Opening a ledger creates its tables.
async fn ledger(url: &DatabaseUrl) -> Result<(), Failure> {
    let ledger = SqlLedger::open(url.expose(), Arc::new(SystemClock)).await;
    ledger.map_err(|error| Failure::start("the ledger", error))?.close().await;
    Ok(())
}
