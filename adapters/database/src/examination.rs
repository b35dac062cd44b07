//! What an operator wants to know of a database before and while a role uses it. It is only read.
//! Whether it belongs to this program is in `contents`.

use std::collections::BTreeMap;
use std::path::Path;

use clock::Timestamp;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection};

use crate::contents::server_connection;
use crate::{Migrations, Unreachable};

/// The facts about a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// The program that keeps it, with its version.
    pub version: String,
    /// The steps that each store has, by store.
    applied: BTreeMap<String, Vec<String>>,
    /// In words, each right that the role lacks.
    pub missing_rights: Vec<String>,
    /// The server's time; a file has none.
    pub server_time: Option<Timestamp>,
    /// Connections in use, and how many the server allows.
    pub connections: Option<(i64, i64)>,
}

impl Examination {
    /// Examines the database at `url`, which exists. It makes no file.
    pub async fn of(url: &str) -> Result<Self, Unreachable> {
        match url.split(':').next().unwrap_or_default() {
            "sqlite" => of_file(url).await,
            _ => of_server(url).await,
        }
    }

    /// The steps of `migrations` that are missing.
    pub fn pending(&self, migrations: &Migrations) -> Vec<&'static str> {
        let applied = self.applied.get(migrations.store);
        let missing = |name: &&str| applied.is_none_or(|applied| !applied.iter().any(|step| step == name));
        migrations.steps.iter().map(|step| step.name).filter(missing).collect()
    }

    /// The steps of the store that this program does not know.
    pub fn unknown(&self, migrations: &Migrations) -> Vec<&str> {
        let applied = self.applied.get(migrations.store).into_iter().flatten().map(String::as_str);
        applied.filter(|step| !migrations.steps.iter().any(|known| known.name == *step)).collect()
    }
}

const SERVER_BOOKS: &str = "
SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'applied_at'
WHERE c.relkind = 'r' AND c.relname LIKE '%\\_migrations' AND pg_table_is_visible(c.oid)";
/// Tables that the role may not use, with the first right that it lacks.
const RIGHTS: &str = "
SELECT p.right_name || ' on ' || c.relname FROM pg_class c, (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS p (right_name)
WHERE c.relkind = 'r' AND pg_table_is_visible(c.oid) AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
AND NOT has_table_privilege(c.oid, p.right_name) ORDER BY 1 LIMIT 5";
const FACTS: &str = "
SELECT current_setting('server_version'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
(SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL), current_setting('max_connections')::bigint,
coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";

async fn of_server(url: &str) -> Result<Examination, Unreachable> {
    let (mut connection, options) = server_connection(url).await?;
    let failed = |error: sqlx::Error| Unreachable::postgres(&options, &error);
    let examined = async |connection: &mut PgConnection| {
        let (version, now, used, allowed, may_create): (String, i64, i64, i64, bool) =
            sqlx::query_as(FACTS).fetch_one(&mut *connection).await?;
        let rights: Vec<String> = sqlx::query_scalar(RIGHTS).fetch_all(&mut *connection).await?;
        let create = (!may_create).then(|| "CREATE in its schema".to_owned());

        let books: Vec<String> = sqlx::query_scalar(SERVER_BOOKS).fetch_all(&mut *connection).await?;
        let mut applied = BTreeMap::new();
        for book in books {
            let sql = format!("SELECT version::text FROM {}", quoted(&book));
            let steps = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
            applied.insert(book.trim_end_matches("_migrations").to_owned(), steps);
        }
        Ok(Examination {
            version: format!("PostgreSQL {version}"),
            applied,
            missing_rights: rights.into_iter().chain(create).collect(),
            server_time: Some(Timestamp::from_millis(now)),
            connections: Some((used, allowed)),
        })
    };
    let examination = examined(&mut connection).await.map_err(failed)?;
    // The result of closing does not matter.
    let _ = connection.close().await;
    Ok(examination)
}

async fn of_file(url: &str) -> Result<Examination, Unreachable> {
    let options: SqliteConnectOptions =
        url.parse().map_err(|error: sqlx::Error| Unreachable::Url { reason: error.to_string() })?;
    let path = options.get_filename().to_owned();
    let file = path.display().to_string();
    let failed = |error: sqlx::Error| Unreachable::sqlite(&file, &error);
    let options = options.create_if_missing(false).read_only(true).disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
    let version: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.map_err(failed)?;
    let books = "SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name LIKE '%\\_migrations' ESCAPE '\\' AND c.name = 'applied_at'";
    let books: Vec<String> = sqlx::query_scalar(books).fetch_all(&mut connection).await.map_err(failed)?;
    let mut applied = BTreeMap::new();
    for book in books {
        let sql = format!("SELECT version FROM {}", quoted(&book));
        let steps = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.map_err(failed)?;
        applied.insert(book.trim_end_matches("_migrations").to_owned(), steps);
    }
    let _ = connection.close().await;
    let missing_rights = file_rights(&path);
    Ok(Examination { version: format!("SQLite {version}"), applied, missing_rights, ..Examination::default() })
}

/// Opening a file for writing changes nothing in it.
fn file_rights(path: &Path) -> Vec<String> {
    let opened = std::fs::OpenOptions::new().write(true).open(path);
    opened.err().map(|error| format!("writing the file {} ({error})", path.display())).into_iter().collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
