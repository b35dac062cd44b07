//! New databases, removed at the end of the test.
//! The servers are started by `cargo xtask test`.

use std::ops::Deref;

use database::sea_orm::{ConnectionTrait, Statement};
use database::{Database, Dialect, Durability, Options};
use tempfile::TempDir;

use crate::cluster;

/// A new database of one test.
#[derive(Debug)]
pub struct TestDatabase {
    database: Database,
    url: String,
    _remains: Remains,
}

/// What is removed when it is dropped.
#[derive(Debug)]
enum Remains {
    Folder { _folder: TempDir },
    Postgres { _database: PostgresDatabase },
}

impl TestDatabase {
    /// A new SQLite file.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let url = format!("sqlite:{}", folder.path().join("test.sqlite").display());
        Self::open(url, Remains::Folder { _folder: folder }).await
    }

    /// A new Postgres database; `None`, with a notice, if `TEST_WITHOUT_POSTGRES` is set.
    pub async fn postgres() -> Option<Self> {
        Some(Self::on_server(&cluster::server_url()?).await)
    }

    /// A new database on the Postgres server at this URL.
    pub async fn on_server(server: &str) -> Self {
        let fresh = PostgresDatabase::create(server).await;
        let url = cluster::with_database(server, &fresh.name);
        Self::open(url, Remains::Postgres { _database: fresh }).await
    }

    /// A new database of this dialect, under the conditions of [`TestDatabase::postgres`].
    pub async fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Sqlite => Some(Self::sqlite().await),
            Dialect::Postgres => Self::postgres().await,
        }
    }

    /// Its URL, for a second connection or another process.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A second, independent connection, as another process would have.
    pub async fn connect_again(&self) -> Database {
        Database::connect(&self.url, &options()).await.expect("the test database can be opened twice")
    }

    async fn open(url: String, remains: Remains) -> Self {
        let database = Database::connect(&url, &options()).await.expect("the test database opens");
        Self { database, url, _remains: remains }
    }
}

impl Deref for TestDatabase {
    type Target = Database;
    fn deref(&self) -> &Database {
        &self.database
    }
}

fn options() -> Options {
    Options { durability: Durability::ProcessEnd, postgres_connections: 8, ..Options::default() }
}

/// Runs a test body on a runtime with two worker threads.
pub fn block_on(body: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built")
        .block_on(body);
}

#[derive(Debug)]
struct PostgresDatabase {
    server: String,
    name: String,
}

impl PostgresDatabase {
    async fn create(server: &str) -> Self {
        let name = format!("test_{}", clock::Entropy::uuid(&clock::SystemEntropy).simple());
        execute(server, &format!("CREATE DATABASE {name}")).await;
        Self { server: server.to_owned(), name }
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let server = self.server.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // Not on the test's runtime, which may be shutting down.
        let dropping = std::thread::spawn(move || block_on(async move { execute(&server, &statement).await }));
        if dropping.join().is_err() {
            eprintln!("the test database {} was left behind", self.name);
        }
    }
}

async fn execute(server: &str, statement: &str) {
    let options = Options { postgres_connections: 2, ..Options::default() };
    let server = Database::connect(server, &options).await.expect("the Postgres server answers");
    let backend = server.reader().get_database_backend();
    let done = server.reader().execute_raw(Statement::from_string(backend, statement)).await;
    done.expect("the Postgres server makes and drops databases");
    server.close().await;
}
