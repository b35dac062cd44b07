//! The playground of the binary, started for a measurement, and its processor time.
//! The load is made in `load`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use http_signatures::{Signer, SigningKey};
use sqlx::{Connection, PgConnection, Row};

use crate::Outcome;

/// The fixed data of the playground's first institution.
pub(crate) const TENANT: &str = "438fa74a-fa7d-4317-9ced-dde32ece1787";
pub(crate) const ADMIN_SECRET: &str = "iyIgCprjb9uL8wFckR+pLEkJWMB7FJhgkvqhTQR/964=";
pub(crate) const SERVICE_SECRET: &str = "8Rn2ax0OUmgwl9OPXKD0MtpcyTTsqGdL1hLKsvE3rBk=";
const KEY_ID: &str = "keyid-742ab7cd-1624-4d2e-af6e-e15a71638669";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEICxfM9mUurUGnwlMMQEDclDEQnX7c49BoGKOB48URBxO\n\
    -----END PRIVATE KEY-----\n";

/// Where the playground listens.
pub(crate) const PORTS: u16 = 21_400;
pub(crate) const OPEN_PAYMENTS: u16 = PORTS;
pub(crate) const ADMIN: u16 = PORTS + 1;
pub(crate) const AUTH: u16 = PORTS + 4;
pub(crate) const INTROSPECTION: u16 = PORTS + 5;

/// A running playground; ended when dropped.
pub(crate) struct Institution {
    child: Child,
}

impl Institution {
    /// Starts `binary` with its data in `folder`, or on the Postgres server `database`.
    pub(crate) fn start(binary: &Path, folder: &Path, database: Option<&str>) -> Outcome<Self> {
        let mut command = Command::new(binary);
        command.args(["dev", "--ports", &PORTS.to_string(), "--data-dir"]).arg(folder.join("data"));
        if let Some(database) = database {
            command.args(["--database", database, "--database-name", "rafiki_speed", "--fresh"]);
        }
        let child = command.env("LOG_LEVEL", "error").stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut started = Self { child };
        let out = started.child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(out).lines();
        if !lines.by_ref().map_while(Result::ok).any(|line| line.trim() == "ready") {
            return Err("the playground did not become ready".into());
        }
        std::thread::spawn(move || lines.for_each(drop));
        Ok(started)
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Institution {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Signs as a customer of the institution.
pub(crate) fn signer() -> Outcome<Signer> {
    Ok(Signer::new(SigningKey::from_text(KEY)?, KEY_ID)?)
}

/// A customer's wallet address.
pub(crate) fn customer() -> String {
    format!("https://localhost:{OPEN_PAYMENTS}/accounts/gfranklin")
}

/// The number of transactions that have ended at the server so far.
pub(crate) async fn transactions(database: Option<&str>) -> Outcome<i64> {
    let Some(url) = database else { return Ok(0) };
    let mut connection = PgConnection::connect(url).await?;
    // The server's processes report their statistics after a second at the latest.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let row = sqlx::query(
        "SELECT sum(xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname LIKE 'rafiki_speed%'",
    )
    .fetch_one(&mut connection)
    .await?;
    Ok(row.get::<Option<i64>, _>(0).unwrap_or(0))
}

/// The binary that was built for speed.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from("target/dist/rafiki")
}
