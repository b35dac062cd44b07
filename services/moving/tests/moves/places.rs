//! An old installation, new databases of ours, and one pass between them.
//! The other files of these tests use it. It contains no tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::SystemClock;
use database::{Database, Dialect, Durability, Options};
use ledger::{AccountId, Ledger};
use ledger_sql::SqlLedger;
use moving::{
    History, Money, MoveError, MoveSettings, OldInstallation, Plan, Report, Step, Target, carry_over, examine, since_of,
};
use rafiki_fixture::{COLUMN_SECRET, Institution, Part};
use rafiki_tables::sealed::ColumnSecret;
use rafiki_tables::table::Table;
use rafiki_tables::version::Side;
use tempfile::TempDir;
use testkit::TestDatabase;
use uuid::Uuid;

pub(crate) use rafiki_database::UnknownAllowed;

/// The databases of an institution of the original.
pub(crate) struct OldPlaces {
    pub(crate) institution: Institution,
    pub(crate) backend: TestDatabase,
    pub(crate) auth: TestDatabase,
}

impl OldPlaces {
    pub(crate) async fn of(institution: Institution) -> Option<Self> {
        let backend = rafiki_fixture::filled(institution, Part::Backend).await?;
        let auth = rafiki_fixture::filled(institution, Part::Auth).await?;
        Some(Self { institution, backend, auth })
    }

    /// The tables of the original, without rows.
    pub(crate) async fn empty(institution: Institution) -> Option<Self> {
        let (backend, auth) = (rafiki_fixture::empty(Part::Backend).await?, rafiki_fixture::empty(Part::Auth).await?);
        Some(Self { institution, backend, auth })
    }

    /// Without foreign keys, so that rows can be damaged.
    pub(crate) async fn unguarded(institution: Institution) -> Option<Self> {
        let backend = rafiki_fixture::unguarded(institution, Part::Backend).await?;
        let auth = rafiki_fixture::unguarded(institution, Part::Auth).await?;
        Some(Self { institution, backend, auth })
    }

    pub(crate) fn settings(&self, history: History) -> MoveSettings {
        let cloud_nine = self.institution == Institution::CloudNine;
        MoveSettings {
            secret: cloud_nine.then(|| ColumnSecret::from_base64(COLUMN_SECRET).unwrap()),
            webhook_retries: if cloud_nine { 3 } else { 10 },
            grace: Duration::from_hours(1),
            keep: None,
            history,
            unknown: UnknownAllowed::No,
        }
    }

    pub(crate) async fn open(&self, history: History) -> OldInstallation {
        self.open_with(Money::Tables, history).await
    }

    pub(crate) async fn open_keeping(&self, settings: MoveSettings) -> OldInstallation {
        OldInstallation::open(self.backend.url(), self.auth.url(), Money::Tables, settings).await.unwrap()
    }

    pub(crate) async fn open_with(&self, money: Money<'_>, history: History) -> OldInstallation {
        let settings = self.settings(history);
        OldInstallation::open(self.backend.url(), self.auth.url(), money, settings).await.unwrap()
    }
}

/// Our databases.
pub(crate) struct OurPlaces {
    pub(crate) backend: TestDatabase,
    pub(crate) auth: TestDatabase,
    ledger_folder: TempDir,
}

impl OurPlaces {
    pub(crate) async fn of(dialect: Dialect) -> Option<Self> {
        let backend = TestDatabase::of(dialect).await?;
        let auth = TestDatabase::of(dialect).await?;
        Some(Self { backend, auth, ledger_folder: tempfile::tempdir().unwrap() })
    }

    pub(crate) fn ledger_url(&self) -> String {
        match self.backend.dialect() {
            Dialect::Sqlite => format!("sqlite:{}", self.ledger_folder.path().join("ledger.sqlite").display()),
            Dialect::Postgres => self.backend.url().to_owned(),
        }
    }

    pub(crate) async fn target(&self) -> Target {
        let ledger = SqlLedger::open(&self.ledger_url(), Arc::new(SystemClock)).await.unwrap();
        self.target_with(Arc::new(ledger)).await
    }

    pub(crate) async fn target_with(&self, ledger: Arc<dyn Ledger>) -> Target {
        let options = Options { durability: Durability::ProcessEnd, postgres_connections: 8, ..Options::default() };
        let backend = Database::connect(self.backend.url(), &options).await.unwrap();
        let auth = Database::connect(self.auth.url(), &options).await.unwrap();
        Target::open(backend, auth, ledger, Arc::new(SystemClock)).await.unwrap()
    }
}

pub(crate) fn silent(_: Step<'_>) {}

/// One pass.
pub(crate) async fn pass(old: &OldPlaces, ours: &OurPlaces, history: History) -> Result<(Plan, Report), MoveError> {
    pass_with(old, ours, old.settings(history)).await
}

/// One pass with these settings.
pub(crate) async fn pass_with(
    old: &OldPlaces,
    ours: &OurPlaces,
    settings: MoveSettings,
) -> Result<(Plan, Report), MoveError> {
    let mut installation = OldInstallation::open(old.backend.url(), old.auth.url(), Money::Tables, settings).await?;
    let target = ours.target().await;
    let since = since_of(&ours.backend).await?;
    let plan = examine(&mut installation, &since, &silent).await?;
    let report = carry_over(&mut installation, &plan, &target, &silent).await?;
    installation.close().await;
    Ok((plan, report))
}

/// Every row of every table and every account with its totals. The times of the pass are left out.
pub(crate) async fn contents(ours: &OurPlaces) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for table in Table::ALL {
        let database = if table.side() == Side::Backend { &ours.backend } else { &ours.auth };
        let described = database.bulk_table(table.name(), table.key()).await.unwrap();
        let mut rows = database.bulk_page(&described, None, 100_000).await.unwrap();
        if table == Table::Quotes {
            // The new expiry of a quote depends on the time of the pass.
            rows = rows.iter().map(|row| without(row, "expires_at")).collect();
        }
        if table == Table::OutgoingPaymentGrantSpendings {
            rows = rows.iter().map(|row| without(row, "settled_at")).collect();
        }
        all.insert(table.title().to_owned(), rows);
    }
    let jobs = ours.backend.bulk_table("jobs", &["queue", "key"]).await.unwrap();
    let jobs = ours.backend.bulk_page(&jobs, None, 100_000).await.unwrap();
    all.insert("jobs".to_owned(), jobs.iter().map(|row| without(row, "due_at")).collect());
    let target = ours.target().await;
    let ids: Vec<AccountId> = rafiki_fixture::totals()["ledger"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|ledger| ledger["accounts"].as_array().unwrap().iter())
        .map(|account| account["accountRef"].as_str().unwrap().parse::<Uuid>().unwrap().into())
        .chain((1..20).map(AccountId::from_u128))
        .collect();
    let accounts = target.ledger().accounts(ids).await.unwrap();
    let accounts = accounts.iter().flatten().map(|account| format!("{:?}", (account.created, account.balances())));
    all.insert("accounts".to_owned(), accounts.collect());
    all
}

fn without(row: &str, column: &str) -> String {
    let mut row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(row).unwrap();
    row.remove(column);
    serde_json::Value::Object(row).to_string()
}

/// Checks that the contents are equal, and names the first row that differs.
pub(crate) fn assert_same(left: &BTreeMap<String, Vec<String>>, right: &BTreeMap<String, Vec<String>>) {
    for (table, rows) in left {
        let others = &right[table];
        let differing = rows.iter().zip(others).find(|(one, other)| one != other);
        assert!(differing.is_none(), "{table}: {differing:#?}");
        assert_eq!(rows.len(), others.len(), "{table}");
    }
}
