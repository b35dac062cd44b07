//! Databases on Postgres servers, each seen at one instant by a transaction that reads only.
//! The rows are written in the text format of `COPY`. Whether several are of one instant is decided in `instant`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use futures::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};

use crate::BackupError;
use crate::copied::Copied;
use crate::draft::Draft;
use crate::manifest::{Contained, Table};
use crate::postgres_schema::{Description, describe, quoted};
use crate::sums::Sum;
use crate::visible::Visible;

/// How long a server may take for the connection.
const CONNECT: Duration = Duration::from_secs(10);
/// A copy takes as long as it takes. Text is written so that every server reads it in the same way.
pub(crate) const SETTINGS: &str = "
SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '10s';
SET client_encoding = 'UTF8'; SET DateStyle = ISO; SET bytea_output = hex; SET application_name = 'rafiki backup';
";
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// The snapshot of the transaction itself, as it is taken by its first statement.
const SNAPSHOT: &str = "SELECT txid_current_snapshot()::text";
/// It was chosen when the server's data was made, and is the same for all databases of the server.
const SERVER: &str = "SELECT system_identifier::text FROM pg_control_system()";
/// For servers where the first may not be called.
const SERVER_BY_START: &str =
    "SELECT extract(epoch FROM pg_postmaster_start_time())::text || coalesce(inet_server_port(), 0)::text";
const BOOKS: &str = "
SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version'
WHERE c.relkind = 'r' AND c.relname LIKE '%\\_migrations' AND pg_table_is_visible(c.oid)";

/// A database with a connection that belongs to this backup.
pub(crate) struct Server {
    pub(crate) name: String,
    url: String,
    connection: PgConnection,
    /// A connection beside the transaction, for [`Server::look_again`].
    second: Option<PgConnection>,
    /// What its server is called.
    pub(crate) identity: String,
    /// Its tables, locked against migrations from before the snapshot on.
    tables: Vec<String>,
}

pub(crate) async fn connect(url: &str) -> Result<PgConnection, String> {
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| error.to_string())?;
    let options = options.disable_statement_logging();
    let connecting = PgConnection::connect_with(&options);
    let connection = tokio::time::timeout(CONNECT, connecting).await;
    let connection = connection.map_err(|_| format!("the server did not answer within {} s", CONNECT.as_secs()))?;
    let mut connection = connection.map_err(|error| error.to_string())?;
    connection.execute(sqlx::raw_sql(SETTINGS)).await.map_err(|error| error.to_string())?;
    Ok(connection)
}

impl Server {
    pub(crate) async fn open(name: &str, url: &str) -> Result<Self, BackupError> {
        let failed = |reason: String| BackupError::read(name, reason);
        let mut connection = connect(url).await.map_err(failed)?;
        let by_data = sqlx::query_scalar(SERVER).fetch_one(&mut connection).await;
        let identity = match by_data {
            Ok(identity) => Ok(identity),
            Err(_) => sqlx::query_scalar(SERVER_BY_START).fetch_one(&mut connection).await,
        };
        let identity = identity.map_err(|error| failed(error.to_string()))?;
        let described = describe(&mut connection).await.map_err(|error| failed(error.to_string()))?;
        let tables = described.tables.into_iter().map(|table| table.name).collect();
        Ok(Self { name: name.to_owned(), url: url.to_owned(), connection, second: None, identity, tables })
    }

    /// Ends the transaction before, if there is one, and begins the next, which has no instant yet.
    ///
    /// The tables are locked before the instant: an older snapshot would see a table that was rewritten after it as empty
    /// (<https://www.postgresql.org/docs/current/mvcc-caveats.html>).
    pub(crate) async fn begin(&mut self) -> Result<(), BackupError> {
        let read = |error: sqlx::Error| BackupError::read(&self.name, error);
        self.connection.execute("ROLLBACK").await.map_err(read)?;
        self.connection.execute(BEGIN).await.map_err(read)?;
        if !self.tables.is_empty() {
            let all: Vec<_> = self.tables.iter().map(|table| quoted(table)).collect();
            let lock = format!("LOCK TABLE {} IN ACCESS SHARE MODE", all.join(", "));
            self.connection.execute(sqlx::AssertSqlSafe(lock)).await.map_err(read)?;
        }
        Ok(())
    }

    /// Takes the snapshot of the transaction.
    pub(crate) async fn look(&mut self) -> Result<Visible, BackupError> {
        visible(&self.name, &mut self.connection).await
    }

    /// What a transaction that begins now would see.
    pub(crate) async fn look_again(&mut self) -> Result<Visible, BackupError> {
        let second = match &mut self.second {
            Some(second) => second,
            none => none.insert(connect(&self.url).await.map_err(|reason| BackupError::read(&self.name, reason))?),
        };
        visible(&self.name, second).await
    }

    /// Writes all tables into the folder `folder` of the draft.
    pub(crate) async fn copy(mut self, draft: &Draft, folder: &str) -> Result<Copied, BackupError> {
        let name = self.name.clone();
        let read = |error: sqlx::Error| BackupError::read(&name, error);
        let described = describe(&mut self.connection).await.map_err(read)?;
        if let Some(what) = described.strangers.first() {
            return Err(BackupError::Unsupported { name: name.clone(), what: what.clone() });
        }
        if !described.tables.iter().map(|table| &table.name).eq(&self.tables) {
            return Err(BackupError::read(&name, "its tables changed while the backup began; repeat the command"));
        }

        let mut tables = Vec::with_capacity(described.tables.len());
        for table in described.tables {
            tables.push(self.copy_table(draft, folder, table).await?);
        }
        let migrations = self.migrations().await.map_err(read)?;
        let ledger_layout = self.ledger_layout(&tables).await.map_err(read)?;
        // Nothing was written, so the end of the transaction does not matter.
        let _ = self.connection.close().await;
        Ok(Copied { contained: Contained::Postgres { tables, finish: described.finish }, migrations, ledger_layout })
    }

    async fn copy_table(&mut self, draft: &Draft, folder: &str, table: Description) -> Result<Table, BackupError> {
        let path = format!("{folder}/{}.copy", table.name);
        let read = |error: sqlx::Error| BackupError::read(&self.name, error);
        let written = |error| BackupError::write(&draft.path(&path), error);

        let columns: Vec<_> = table.columns.iter().map(|column| quoted(column)).collect();
        let statement = format!("COPY {} ({}) TO STDOUT", quoted(&table.name), columns.join(", "));
        let mut file = draft.file(&path)?;
        let (mut sum, mut rows) = (Sum::default(), 0_u64);
        let mut parts = self.connection.copy_out_raw(&statement).await.map_err(read)?;
        while let Some(part) = parts.try_next().await.map_err(read)? {
            // Line breaks within values are escaped, so each one ends a row.
            rows += part.split(|octet| *octet == b'\n').count() as u64 - 1;
            sum.add(&part);
            file.write_all(&part).map_err(written)?;
        }
        file.sync_all().map_err(written)?;
        Ok(Table { name: table.name, columns: table.columns, create: table.create, rows, file: sum.finish(path) })
    }

    async fn ledger_layout(&mut self, tables: &[Table]) -> Result<Option<u32>, sqlx::Error> {
        if !tables.iter().any(|table| table.name == "ledger_layout") {
            return Ok(None);
        }
        let version: Option<i64> =
            sqlx::query_scalar("SELECT version FROM ledger_layout").fetch_optional(&mut self.connection).await?;
        Ok(version.map(|version| u32::try_from(version).unwrap_or(u32::MAX)))
    }

    async fn migrations(&mut self) -> Result<BTreeMap<String, Vec<String>>, sqlx::Error> {
        let books: Vec<String> = sqlx::query_scalar(BOOKS).fetch_all(&mut self.connection).await?;
        let mut migrations = BTreeMap::new();
        for book in books {
            let sql = format!("SELECT version::text FROM {} ORDER BY version", quoted(&book));
            let rows = self.connection.fetch_all(sqlx::AssertSqlSafe(sql)).await?;
            let steps = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            migrations.insert(book.trim_end_matches("_migrations").to_owned(), steps);
        }
        Ok(migrations)
    }
}

async fn visible(name: &str, connection: &mut PgConnection) -> Result<Visible, BackupError> {
    let text: Result<String, _> = sqlx::query_scalar(SNAPSHOT).fetch_one(connection).await;
    let text = text.map_err(|error| BackupError::read(name, error))?;
    text.parse().map_err(|reason: String| BackupError::read(name, reason))
}
