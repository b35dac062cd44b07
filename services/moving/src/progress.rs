//! How far a move has come, stored in our backend's database, so that a repetition does no harm.
//! The work itself is in `pass`.

use std::collections::HashMap;
use std::time::Duration;

use clock::Timestamp;
use database::{Database, Dialect, Error, Migrations, Step};
use rafiki_tables::carry::Source;

use crate::source::History;

/// The tables of the move.
pub const MIGRATIONS: Migrations =
    Migrations { store: "moving", steps: &[Step { name: "0001_moving", sql: include_str!("0001_moving.sql") }] };

/// The state of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Identifies the original installation.
    pub source: String,
    /// How the money is moved.
    pub history: History,
    /// When the last pass ended with equal totals; `None` while a pass is under way.
    pub complete_at: Option<Timestamp>,
    /// When a role first used the databases.
    pub in_use_since: Option<Timestamp>,
}

/// Why a role cannot use a database.
#[derive(Debug, thiserror::Error)]
pub enum MarkInUseError {
    /// A pass has begun and has not ended with success.
    #[error("a move into this database has begun and is not complete; run `rafiki import` again, then start this role")]
    Incomplete,
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] Error),
}

/// The state of a move into this database; `None` if there was none.
pub(crate) async fn mark_of(database: &Database) -> Result<Option<Mark>, Error> {
    if database.pending(&MIGRATIONS).await? == ["0001_moving"] {
        return Ok(None);
    }
    let rows = database.bulk_query("SELECT source, mode, complete_at, in_use_since FROM moving", []).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (source, mode): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let instant = |column| Ok::<_, Error>(row.try_get_by_index::<Option<i64>>(column)?.map(Timestamp::from_millis));
    let history = if mode == REPLAYED { History::Replayed } else { History::Totals };
    Ok(Some(Mark { source, history, complete_at: instant(2)?, in_use_since: instant(3)? }))
}

const TOTALS: &str = "totals";
const REPLAYED: &str = "replayed";

/// Notes that a role uses the database from now on. Refused while a move is not complete.
pub async fn mark_in_use(database: &Database, now: Timestamp) -> Result<(), MarkInUseError> {
    let Some(mark) = mark_of(database).await? else { return Ok(()) };
    if mark.complete_at.is_none() {
        return Err(MarkInUseError::Incomplete);
    }
    if mark.in_use_since.is_none() {
        database.execute("UPDATE moving SET in_use_since = $1", [now.as_millis().into()]).await?;
    }
    Ok(())
}

/// Notes that a pass begins.
pub(crate) async fn begin(database: &Database, source: &str, history: History, now: Timestamp) -> Result<(), Error> {
    let mode = if history == History::Replayed { REPLAYED } else { TOTALS };
    let sql = "INSERT INTO moving (one, source, mode, begun_at) VALUES (1, $1, $2, $3)
        ON CONFLICT (one) DO UPDATE SET begun_at = excluded.begun_at, complete_at = NULL";
    database.execute(sql, [source.into(), mode.into(), now.as_millis().into()]).await.map(drop)
}

/// Notes that a pass has ended with equal totals.
pub(crate) async fn complete(database: &Database, now: Timestamp) -> Result<(), Error> {
    database.execute("UPDATE moving SET complete_at = $1", [now.as_millis().into()]).await.map(drop)
}

/// A pass reads again what changed in this time before the last read, because a row's time is written a moment before
/// the row becomes visible.
const OVERLAP: Duration = Duration::from_hours(1);

/// How far earlier passes have come, for each table.
#[derive(Clone, Debug, Default)]
pub struct Since(HashMap<String, Timestamp>);

impl Since {
    /// The time after which rows of a source are read; `None` means all rows.
    pub(crate) fn of(&self, source: Source) -> Option<Timestamp> {
        self.at(&name(source))
    }

    /// The time after which transfers are read; `None` means all transfers.
    pub(crate) fn of_ledger(&self) -> Option<Timestamp> {
        self.at(LEDGER)
    }

    fn at(&self, what: &str) -> Option<Timestamp> {
        self.0.get(what).map(|through| through.saturating_sub(OVERLAP))
    }
}

/// The name under which the ledger's progress is kept.
pub(crate) const LEDGER: &str = "ledger";

/// How far earlier passes into this database have come.
pub async fn since_of(database: &Database) -> Result<Since, Error> {
    if mark_of(database).await?.is_none() {
        return Ok(Since::default());
    }
    let mut since = HashMap::new();
    for row in database.bulk_query("SELECT source, through FROM moving_progress", []).await? {
        since.insert(row.try_get_by_index(0)?, Timestamp::from_millis(row.try_get_by_index(1)?));
    }
    Ok(Since(since))
}

/// Notes that a source was moved as of this time.
pub(crate) async fn carried(database: &Database, what: &str, at: Timestamp) -> Result<(), Error> {
    let sql = "INSERT INTO moving_progress (source, through) VALUES ($1, $2)
        ON CONFLICT (source) DO UPDATE SET through = excluded.through";
    database.execute(sql, [what.into(), at.as_millis().into()]).await.map(drop)
}

/// The name under which a source's progress is kept.
pub(crate) fn name(source: Source) -> String {
    format!("{source:?}")
}

/// A list of texts as a statement's one parameter `$n`.
pub(crate) fn texts_of(dialect: Dialect, parameter: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("SELECT value FROM json_each({parameter})"),
        Dialect::Postgres => format!("SELECT json_array_elements_text({parameter}::json)"),
    }
}
