//! The databases of the playground: SQLite files, or databases on a PostgreSQL server that are created here.
//! Filling them is in `institution` and the wallet's seed.

use std::path::Path;
use std::time::Duration;

use config::DatabaseUrl;
use database::sea_orm::{ConnectionTrait, Statement};
use database::{Database, Options};
use url::Url;

use super::institution::{Databases, Institution};
use crate::failure::Failure;
use crate::roles::waiting::{Patience, Tried, until_done};

/// How long the server may take to start. It is short, because the user is waiting.
const PATIENCE: Patience = Patience::AtMost(Duration::from_secs(30));

/// SQLite files in the institution's folder.
pub(crate) fn files(institution: &Institution, data_dir: &Path) -> Databases {
    let file = |name: &str| DatabaseUrl::sqlite(&institution.folder(data_dir).join(name));
    Databases {
        backend: file("backend.db"),
        auth: file("auth.db"),
        wallet: file("wallet.db"),
        ledger: file("ledger.db"),
        card_service: file("card-service.db"),
        point_of_sale: file("point-of-sale.db"),
        shop: file("shop.db"),
    }
}

/// Databases `<prefix>_<institution>_…` on `server`. They are created if missing, and emptied first if `fresh`.
pub(crate) async fn on_server(
    institution: &Institution,
    server: &Url,
    prefix: &str,
    fresh: bool,
) -> Result<Databases, Failure> {
    let failed = |error: database::Error| Failure::start("the databases", error);

    let mut maintenance = server.clone();
    maintenance.set_path("/postgres");
    let options = Options { postgres_connections: 2, ..Options::default() };
    let admin = until_done(PATIENCE, || async {
        match Database::connect(maintenance.as_str(), &options).await {
            Ok(admin) => Tried::Done(admin),
            Err(error) if may_pass(&error) => Tried::NotYet(failed(error)),
            Err(error) => Tried::Never(failed(error)),
        }
    })
    .await?;

    let name = |part: &str| format!("{prefix}_{}_{part}", institution.short);
    for part in ["backend", "auth", "wallet", "ledger", "card_service", "point_of_sale", "shop"] {
        ensure(&admin, &name(part), fresh).await.map_err(failed)?;
    }
    admin.close().await;

    let url = |part: &str| {
        let mut url = server.clone();
        url.set_path(&format!("/{}", name(part)));
        url.as_str().parse::<DatabaseUrl>().map_err(|error| Failure::start("the databases", error))
    };
    Ok(Databases {
        backend: url("backend")?,
        auth: url("auth")?,
        wallet: url("wallet")?,
        ledger: url("ledger")?,
        card_service: url("card_service")?,
        point_of_sale: url("point_of_sale")?,
        shop: url("shop")?,
    })
}

fn may_pass(error: &database::Error) -> bool {
    matches!(error, database::Error::Unreachable(reason) if reason.may_pass())
}

async fn ensure(admin: &Database, name: &str, fresh: bool) -> Result<(), database::Error> {
    let connection = admin.reader();
    let backend = connection.get_database_backend();
    let quoted = format!("\"{}\"", name.replace('"', ""));
    if fresh {
        let drop = format!("DROP DATABASE IF EXISTS {quoted} WITH (FORCE)");
        connection.execute_raw(Statement::from_string(backend, drop)).await?;
    }
    let sql = "SELECT 1 FROM pg_database WHERE datname = $1";
    let exists = connection.query_one_raw(Statement::from_sql_and_values(backend, sql, [name.into()])).await?;
    if exists.is_none() {
        let create = format!("CREATE DATABASE {quoted}");
        match connection.execute_raw(Statement::from_string(backend, create)).await.map_err(database::Error::from) {
            // The other process of the pair was faster.
            Err(error) if !error.is_unique_violation() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
