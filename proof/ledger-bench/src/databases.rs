//! Databases for measurements, each used once.
//!
//! The server is `testkit::PostgresServer`, or one that the caller names.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::Outcome;

/// A new database on the server of `url`, with the next free name.
pub async fn new_database(url: &str) -> Outcome<String> {
    let mut connection = PgConnection::connect(url).await?;
    for number in 1.. {
        let name = format!("ledger_bench_{number}");
        let made = sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await;
        match made {
            Ok(_) => {
                let mut url: Url = url.parse()?;
                url.set_path(&name);
                return Ok(url.into());
            }
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P04") => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err("every name is taken".into())
}
