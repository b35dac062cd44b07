//! Databases of tests: files and databases on a server, behind the same few questions.
//! The tests that ask them are in `backup`.

#![expect(clippy::single_match_else, reason = "a file and a server stand side by side")]

use std::path::{Path, PathBuf};

use backup::{About, BackupError, Contained, Place, Taken, take};
use clock::{SystemClock, SystemEntropy};
use database::Contents;
use rusqlite::Connection;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _, Row as _};
use testkit::TestDatabase;

/// A database.
pub(crate) struct Spot {
    url: String,
    name: String,
    _kept: Option<TestDatabase>,
}

/// Tables with everything that could get lost: keys, references, indexes, defaults, and every kind of value.
const TABLES: &str = "
CREATE TABLE some_migrations (version varchar NOT NULL PRIMARY KEY, applied_at bigint NOT NULL);
INSERT INTO some_migrations VALUES ('0001_first', 1);
CREATE TABLE parents (id uuid PRIMARY KEY, name text NOT NULL DEFAULT 'it''s', UNIQUE (name));
CREATE TABLE children (
    id uuid PRIMARY KEY, parent uuid NOT NULL REFERENCES parents (id), amount bigint NOT NULL CHECK (amount >= 0),
    octets bytea, good boolean, \"order\" text
);
CREATE INDEX children_of ON children (parent, amount) WHERE good;
CREATE TABLE empty (n integer PRIMARY KEY);
INSERT INTO parents (id) VALUES ('00000000-0000-0000-0000-000000000001');
INSERT INTO parents VALUES ('00000000-0000-0000-0000-000000000002', 'a	tab, a
line, a \\ and an \\N, ü€😀');
INSERT INTO children VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001',
    9223372036854775807, NULL, true, ''), ('00000000-0000-0000-0000-000000000004',
    '00000000-0000-0000-0000-000000000002', 0, OCTETS, false, NULL);
";
const CONTENT: [&str; 3] =
    ["SELECT * FROM some_migrations", "SELECT * FROM parents ORDER BY id", "SELECT * FROM children ORDER BY id"];

impl Spot {
    pub(crate) fn file(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        Self { url: format!("sqlite:{}", path.display()), name, _kept: None }
    }

    pub(crate) fn server(url: &str) -> Self {
        let address = url.split('?').next().unwrap();
        let name = address.rsplit('/').next().unwrap().to_owned();
        Self { url: url.to_owned(), name, _kept: None }
    }

    fn kept(database: TestDatabase) -> Self {
        let Self { url, name, .. } = Self::server(database.url());
        Self { url, name, _kept: Some(database) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn places(&self, names: &[&str]) -> Vec<Place> {
        vec![Place { names: names.iter().map(|name| (*name).to_owned()).collect(), url: self.url.clone() }]
    }

    fn path(&self) -> Option<PathBuf> {
        self.url.strip_prefix("sqlite:").map(PathBuf::from)
    }

    /// Makes the tables.
    pub(crate) async fn fill(&self) {
        let octets = if self.path().is_some() { "x'00ff5c0a'" } else { "'\\x00ff5c0a'" };
        self.run(&TABLES.replace("OCTETS", octets)).await;
    }

    pub(crate) async fn run(&self, sql: &str) {
        match self.path() {
            Some(path) => {
                let connection = Connection::open(path).unwrap();
                connection.pragma_update(None, "journal_mode", "WAL").unwrap();
                connection.execute_batch(sql).unwrap();
            }
            None => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// Every row as text.
    pub(crate) async fn content(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for sql in CONTENT {
            match self.path() {
                Some(path) => {
                    let connection = Connection::open(path).unwrap();
                    let mut statement = connection.prepare(sql).unwrap();
                    let columns = statement.column_count();
                    let mut found = statement.query([]).unwrap();
                    while let Some(row) = found.next().unwrap() {
                        let values = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
                        rows.push(values.collect::<Vec<_>>().join("|"));
                    }
                }
                None => {
                    let mut connection = PgConnection::connect(&self.url).await.unwrap();
                    let sql = format!("SELECT row(found.*)::text FROM ({sql}) AS found");
                    for row in connection.fetch_all(sqlx::AssertSqlSafe(sql)).await.unwrap() {
                        rows.push(row.get(0));
                    }
                    connection.close().await.unwrap();
                }
            }
        }
        assert_eq!(rows.len(), 5);
        rows
    }

    /// What a role sees there.
    pub(crate) async fn contents(&self) -> Contents {
        Contents::of(&self.url).await.unwrap()
    }

    /// Whether nothing was restored here.
    pub(crate) async fn is_untouched(&self) -> bool {
        match self.path() {
            Some(path) => !path.exists() && !path.with_extension("db.restoring").exists(),
            None => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                let tables =
                    "SELECT count(*) FROM pg_class WHERE relname IN ('parents', 'children', 'restore_incomplete')";
                let found: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                found == 0
            }
        }
    }

    /// How many rows a table has in a backup.
    pub(crate) fn rows_in(&self, taken: &Taken, table: &str) -> u64 {
        let store = taken.manifest.stores.iter().find(|store| store.names.contains(&self.name)).unwrap();
        match &store.contained {
            Contained::Sqlite { rows, .. } => rows[table],
            Contained::Postgres { tables, .. } => tables.iter().find(|found| found.name == table).unwrap().rows,
        }
    }
}

/// A place and an empty one like it, on every engine that is there.
pub(crate) async fn everything(folder: &Path) -> Vec<[Spot; 2]> {
    let mut all = vec![[Spot::file(&folder.join("a.db")), Spot::file(&folder.join("deeper/b.db"))]];
    if let (Some(one), Some(two)) = (TestDatabase::postgres().await, TestDatabase::postgres().await) {
        all.push([Spot::kept(one), Spot::kept(two)]);
    }
    all
}

fn about() -> About {
    About { program: "rafiki 0.0.0".to_owned(), installation: "TEST".to_owned(), not_contained: Vec::new() }
}

/// A backup of all these places.
pub(crate) async fn backup_of(spots: &[Spot], to: &Path) -> Taken {
    let places: Vec<Place> = spots.iter().flat_map(|spot| spot.places(&[spot.name()])).collect();
    try_backup(&places, to).await.unwrap()
}

/// Tries to save these places in `to`.
pub(crate) async fn try_backup(places: &[Place], to: &Path) -> Result<Taken, BackupError> {
    take(places, to, about(), &SystemClock, &SystemEntropy, |_| ()).await
}

/// Two databases that are written to one after the other.
pub(crate) struct Pair([Writer; 2], i64);

enum Writer {
    File(Connection),
    Server(PgConnection),
}

impl Pair {
    pub(crate) async fn begin(spots: &[Spot; 2]) -> Self {
        let [one, two] = spots;
        for spot in [one, two] {
            spot.run("CREATE TABLE counted (n bigint PRIMARY KEY)").await;
        }
        Self([Writer::of(one).await, Writer::of(two).await], 0)
    }

    pub(crate) async fn step(&mut self) {
        self.1 += 1;
        for writer in &mut self.0 {
            match writer {
                Writer::File(connection) => {
                    tokio::task::block_in_place(|| connection.execute("INSERT INTO counted VALUES (?1)", [self.1]))
                        .unwrap();
                }
                Writer::Server(connection) => {
                    let insert = sqlx::query("INSERT INTO counted VALUES ($1)").bind(self.1);
                    insert.execute(connection).await.unwrap();
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

impl Writer {
    async fn of(spot: &Spot) -> Self {
        match spot.path() {
            Some(path) => {
                let connection = Connection::open(path).unwrap();
                connection.pragma_update(None, "synchronous", "OFF").unwrap();
                connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                Self::File(connection)
            }
            None => Self::Server(PgConnection::connect(&spot.url).await.unwrap()),
        }
    }
}
