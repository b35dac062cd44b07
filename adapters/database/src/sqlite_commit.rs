//! Commits units that only write, on one SQLite connection. Many units share a commit, and each of them fails alone.
//!
//! It does not decide when, or on which thread.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use sea_orm::sea_query::OptionEnum;
use sea_orm::{DbErr, Statement, Value};

use crate::Error;
use crate::write::Write;

const BEGIN: &str = "BEGIN IMMEDIATE";
const SAVEPOINT: &str = "SAVEPOINT unit";
const RELEASE: &str = "RELEASE unit";
const UNDO_UNIT: &str = "ROLLBACK TO unit";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// What became of a unit. If it is committed: how many rows each of its writes has changed.
pub(crate) type Committed = Result<Vec<u64>, Error>;

/// Does `units` one after the other, and commits them together. Returns what became of each, in their order.
pub(crate) fn commit_together(connection: &Connection, units: &[Vec<Write>]) -> Vec<Committed> {
    // A single statement is a transaction by itself.
    if let [unit] = units
        && let [only] = unit.as_slice()
        && only.otherwise.is_empty()
    {
        let done = do_write(connection, only).map(|done| vec![done]);
        return vec![done.map(|done| told(unit, done))];
    }

    let mut results = Vec::with_capacity(units.len());
    while results.len() < units.len() {
        let left = &units[results.len()..];
        results.extend(one_transaction(connection, left));
    }
    results
}

/// What one write has done.
#[derive(Clone, Copy)]
struct Done {
    rows: u64,
    /// Whether the write's own statement has changed a row.
    is_met: bool,
}

/// Does units in one transaction, as many as it takes. Returns what became of those, at least of one.
fn one_transaction(connection: &Connection, units: &[Vec<Write>]) -> Vec<Committed> {
    if let Err(error) = run(connection, BEGIN) {
        roll_back(connection);
        return same_for_all(units.len(), &error);
    }

    let is_shared = units.len() > 1;
    let mut done = Vec::with_capacity(units.len());
    for unit in units {
        let result = if is_shared { within_savepoint(connection, unit) } else { do_unit(connection, unit) };
        if connection.is_autocommit() {
            // SQLite has undone the whole transaction, because of this unit.
            let mut results = undone(done.len());
            results.push(Err(result.err().unwrap_or_else(was_undone)));
            return results;
        }
        done.push(result);
    }

    let ended = if done.iter().any(Result::is_ok) { run(connection, COMMIT) } else { run(connection, ROLLBACK) };
    match ended {
        Ok(()) => units.iter().zip(done).map(|(unit, done)| done.map(|done| told(unit, done))).collect(),
        Err(error) => {
            roll_back(connection);
            units.iter().map(|_| Err(not_ended(&error, is_shared))).collect()
        }
    }
}

/// Results of `count` units whose transaction is undone. All may be repeated, also those that failed: what they ran into
/// may have been undone, too.
fn undone(count: usize) -> Vec<Committed> {
    (0..count).map(|_| Err(was_undone())).collect()
}

/// The error of a unit whose transaction was not ended.
fn not_ended(error: &rusqlite::Error, is_shared: bool) -> Error {
    match error_of(error) {
        // It may be about another unit.
        Error::ForeignKeyViolation { .. } if is_shared => was_undone(),
        // The commit may be in the write-ahead log already. Then it counts when the log is read again after a crash.
        Error::Other(error) => Error::Unavailable(error),
        certain => certain,
    }
}

fn was_undone() -> Error {
    Error::Retriable(DbErr::Custom("a transaction shared with other units was undone".to_owned()))
}

fn same_for_all(count: usize, error: &rusqlite::Error) -> Vec<Committed> {
    (0..count).map(|_| Err(error_of(error))).collect()
}

/// A unit of several. What it did is undone if it fails.
fn within_savepoint(connection: &Connection, unit: &[Write]) -> Result<Vec<Done>, Error> {
    // SQLite undoes a single statement that fails.
    if let [only] = unit {
        return do_write(connection, only).map(|done| vec![done]);
    }
    run(connection, SAVEPOINT).map_err(from_rusqlite)?;
    let done = do_unit(connection, unit);
    let ended = match &done {
        _ if connection.is_autocommit() => Ok(()),
        Ok(_) => run(connection, RELEASE),
        Err(_) => run(connection, UNDO_UNIT).and_then(|()| run(connection, RELEASE)),
    };
    if let Err(error) = ended {
        // It is unknown what is left of the unit.
        roll_back(connection);
        return Err(from_rusqlite(error));
    }
    done
}

fn do_unit(connection: &Connection, unit: &[Write]) -> Result<Vec<Done>, Error> {
    unit.iter().map(|write| do_write(connection, write)).collect()
}

/// Does the first statement of `write` that changes a row.
fn do_write(connection: &Connection, write: &Write) -> Result<Done, Error> {
    let rows = execute(connection, &write.statement)?;
    if rows > 0 {
        return Ok(Done { rows, is_met: true });
    }
    for other in &write.otherwise {
        let rows = execute(connection, other)?;
        if rows > 0 {
            return Ok(Done { rows, is_met: false });
        }
    }
    match &write.missed {
        Some(what) => Err(Error::Overtaken { what: what.clone() }),
        None => Ok(Done { rows: 0, is_met: false }),
    }
}

/// After the commit.
fn told(unit: &[Write], done: Vec<Done>) -> Vec<u64> {
    for (write, done) in unit.iter().zip(&done) {
        if done.is_met {
            write.note_met();
        }
    }
    done.into_iter().map(|done| done.rows).collect()
}

fn execute(connection: &Connection, statement: &Statement) -> Result<u64, Error> {
    let values = statement.values.as_ref().map_or(&[][..], |values| values.0.as_slice());
    let run = || -> rusqlite::Result<u64> {
        let mut prepared = connection.prepare_cached(&statement.sql)?;
        let mut unnumbered = 0;
        for place in 1..=prepared.parameter_count() {
            let named = prepared.parameter_name(place).and_then(|name| name[1..].parse::<usize>().ok());
            let number = named.unwrap_or_else(|| {
                unnumbered += 1;
                unnumbered
            });
            if let Some(value) = values.get(number - 1) {
                prepared.raw_bind_parameter(place, Bound(value))?;
            }
        }
        let mut rows = prepared.raw_query();
        while rows.next()?.is_some() {}
        Ok(connection.changes())
    };
    run().map_err(from_rusqlite)
}

/// A value as the driver of the readers stores it.
struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use rusqlite::types::Value as Owned;
        let integer = |number: Option<i64>| number.map_or(Owned::Null, Owned::Integer);
        let owned = match self.0 {
            Value::String(text) => return Ok(borrowed(text.as_ref().map(|text| ValueRef::Text(text.as_bytes())))),
            Value::Bytes(octets) => return Ok(borrowed(octets.as_ref().map(|octets| ValueRef::Blob(octets)))),
            Value::Uuid(id) => return Ok(borrowed(id.as_ref().map(|id| ValueRef::Blob(id.as_bytes())))),
            Value::Enum(OptionEnum::Some(name)) => {
                return Ok(borrowed(Some(ValueRef::Text(name.value.as_bytes()))));
            }
            Value::Enum(OptionEnum::None(_)) => Owned::Null,
            Value::Bool(value) => integer(value.map(i64::from)),
            Value::TinyInt(number) => integer(number.map(i64::from)),
            Value::SmallInt(number) => integer(number.map(i64::from)),
            Value::Int(number) => integer(number.map(i64::from)),
            Value::BigInt(number) => integer(*number),
            Value::TinyUnsigned(number) => integer(number.map(i64::from)),
            Value::SmallUnsigned(number) => integer(number.map(i64::from)),
            Value::Unsigned(number) => integer(number.map(i64::from)),
            Value::BigUnsigned(number) => {
                integer(number.map(i64::try_from).transpose().map_err(|error| unfit(error.into()))?)
            }
            Value::Float(number) => number.map_or(Owned::Null, |number| Owned::Real(number.into())),
            Value::Double(number) => number.map_or(Owned::Null, Owned::Real),
            Value::Char(letter) => letter.map_or(Owned::Null, |letter| Owned::Text(letter.to_string())),
            Value::Json(json) => json.as_ref().map_or(Owned::Null, |json| Owned::Text(json.to_string())),
            // The types of Postgres alone, such as arrays.
            _ => return Err(unfit("SQLite has no column for this type of value".into())),
        };
        Ok(ToSqlOutput::Owned(owned))
    }
}

fn borrowed(value: Option<ValueRef<'_>>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null))
}

fn unfit(reason: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(reason)
}

fn run(connection: &Connection, words: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(words)?.raw_execute().map(drop)
}

/// Ends a transaction that has failed. If that fails too, the owner of the connection closes it.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        let _ = run(connection, ROLLBACK);
    }
}

fn from_rusqlite(error: rusqlite::Error) -> Error {
    error_of(&error)
}

/// The error in terms that a caller can act on (<https://sqlite.org/rescode.html>).
pub(crate) fn error_of(error: &rusqlite::Error) -> Error {
    if let rusqlite::Error::ToSqlConversionFailure(_) = error {
        return Error::OutOfRange { what: "a value of a statement" };
    }
    let detail = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    let code = error.sqlite_error().map_or(0, |error| error.extended_code);
    match code {
        1555 | 2067 => Error::UniqueViolation { detail },
        787 => Error::ForeignKeyViolation { detail },
        // Busy, or locked.
        _ if matches!(code & 0xff, 5 | 6) => Error::Retriable(DbErr::Custom(detail)),
        _ => Error::Other(DbErr::Custom(detail)),
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        let tables = "PRAGMA foreign_keys = on;
            CREATE TABLE notes (id integer PRIMARY KEY, note text UNIQUE,
                of integer REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)";
        connection.execute_batch(tables).unwrap();
        connection
    }

    fn write<const N: usize>(sql: &str, values: [Value; N]) -> Write {
        Write::new("notes", "", Statement::from_sql_and_values(DbBackend::Sqlite, sql, values))
    }

    fn insert(note: &str) -> Write {
        write("INSERT INTO notes (note) VALUES ($1)", [note.into()])
    }

    fn notes(connection: &Connection) -> Vec<String> {
        let mut all = connection.prepare("SELECT note FROM notes ORDER BY id").unwrap();
        let rows = all.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn a_unit_that_fails_leaves_nothing_and_the_others_are_committed() {
        let connection = connection();
        let must = write("UPDATE notes SET note = 'x' WHERE id = 99", []).must("note 99");
        let units = [
            vec![insert("a")],
            vec![insert("b"), insert("a")],
            vec![insert("c"), must],
            vec![insert("a")],
            vec![insert("d"), insert("e")],
        ];
        let results = commit_together(&connection, &units);
        assert_eq!(notes(&connection), ["a", "d", "e"]);
        assert!(matches!(results[0].as_deref(), Ok([1])));
        assert!(results[1].as_ref().is_err_and(Error::is_unique_violation));
        assert!(results[2].as_ref().is_err_and(Error::is_overtaken));
        assert!(results[3].as_ref().is_err_and(Error::is_unique_violation));
        assert!(matches!(results[4].as_deref(), Ok([1, 1])));
        assert!(connection.is_autocommit());
    }

    #[test]
    fn a_single_unit_that_fails_leaves_nothing() {
        for unit in [vec![insert("a")], vec![insert("b"), insert("a")]] {
            let connection = connection();
            commit_together(&connection, &[vec![insert("a")]]);
            assert!(commit_together(&connection, &[unit])[0].as_ref().is_err_and(Error::is_unique_violation));
            assert_eq!(notes(&connection), ["a"]);
            assert!(connection.is_autocommit());
        }
    }

    #[test]
    fn no_unit_is_told_that_it_is_committed_if_the_commit_fails() {
        let connection = connection();
        // SQLite checks this when the transaction ends.
        let refers = || write("INSERT INTO notes (note, of) VALUES ('refers', 99)", []);
        let mut met = insert("a");
        let is_met = met.met();
        let results = commit_together(&connection, &[vec![met], vec![insert("b"), refers()]]);
        assert!(results.iter().all(|result| matches!(result, Err(Error::Retriable(_)))), "{results:?}");
        assert!(!is_met.get());
        let alone = commit_together(&connection, &[vec![insert("b"), refers()]]);
        assert!(matches!(alone[..], [Err(Error::ForeignKeyViolation { .. })]), "{alone:?}");
        assert!(notes(&connection).is_empty() && connection.is_autocommit());
    }

    #[test]
    fn a_unit_that_failed_because_of_another_may_be_repeated_if_the_commit_fails() {
        let connection = connection();
        // SQLite checks this when the transaction ends.
        let refers = write("INSERT INTO notes (note, of) VALUES ('refers', 99)", []);
        let results = commit_together(&connection, &[vec![insert("a"), refers], vec![insert("a")]]);
        assert!(results.iter().all(|result| matches!(result, Err(Error::Retriable(_)))), "{results:?}");
        assert!(notes(&connection).is_empty() && connection.is_autocommit());
    }

    #[test]
    fn when_a_unit_ends_the_whole_transaction_those_before_it_may_be_repeated_and_those_after_it_are_committed() {
        let connection = connection();
        let ends_all = || write("INSERT OR ROLLBACK INTO notes (note) VALUES ($1)", ["a".into()]);
        let units = [vec![insert("a")], vec![ends_all()], vec![insert("c")], vec![insert("d"), insert("e")]];
        let results = commit_together(&connection, &units);
        assert!(matches!(results[0], Err(Error::Retriable(_))), "{results:?}");
        assert!(results[1].as_ref().is_err_and(Error::is_unique_violation));
        assert!(results[2].is_ok() && results[3].is_ok());
        assert_eq!(notes(&connection), ["c", "d", "e"]);
    }

    #[test]
    fn a_write_does_what_is_said_for_the_case_that_it_changes_nothing() {
        let connection = connection();
        let other = |sql: &str| Statement::from_string(DbBackend::Sqlite, sql);
        let rename = |to: &str| {
            write("UPDATE notes SET note = $1 WHERE id = $2", [to.into(), 1.into()])
                .otherwise(other("INSERT INTO notes (id, note) VALUES (1, 'new')"))
        };
        let (mut first, mut second) = (rename("x"), rename("y"));
        let (first_met, second_met) = (first.met(), second.met());
        assert!(commit_together(&connection, &[vec![first], vec![second]]).iter().all(Result::is_ok));
        assert_eq!(notes(&connection), ["y"]);
        assert_eq!((first_met.get(), second_met.get()), (false, true));
    }

    #[test]
    fn units_that_the_database_stops_at_any_instruction_happen_whole_or_not_at_all() {
        let (mut whole, mut stopped) = (0, 0);
        for last in 0..900 {
            let connection = connection();
            commit_together(&connection, &[vec![insert("old")]]);
            let mut instructions = 0;
            let stop = move || {
                instructions += 1;
                instructions == last + 1
            };
            connection.progress_handler(1, Some(stop)).unwrap();
            // The first write has another way, which would be wrong here.
            let otherwise = insert("otherwise").statement;
            let first = write("UPDATE notes SET note = $1 WHERE note = 'old'", ["new".into()]).otherwise(otherwise);
            // Each has two writes. A single statement may be stopped here after it is done, which no other error does.
            let pair = |one: &str, other: &str| vec![insert(one), insert(other)];
            let units = [vec![first, insert("second")], pair("third", "fourth"), pair("fifth", "sixth")];
            let results = commit_together(&connection, &units);
            connection.progress_handler(0, None::<fn() -> bool>).unwrap();

            assert!(connection.is_autocommit(), "stopped at {last}");
            let mut expected = Vec::new();
            let parts: [&[&str]; 3] = [&["new", "second"], &["third", "fourth"], &["fifth", "sixth"]];
            for (number, result) in results.iter().enumerate() {
                match (number, result) {
                    (_, Ok(_)) => expected.extend_from_slice(parts[number]),
                    (0, Err(_)) => expected.push("old"),
                    (_, Err(_)) => {}
                }
            }
            let kept = notes(&connection);
            if results.iter().all(Result::is_ok) {
                whole += 1;
            } else {
                stopped += 1;
            }
            // The end of a commit may be stopped, too. Then all is done, although each is told that it is unknown.
            let all_done =
                kept == parts.concat() && results.iter().all(|result| matches!(result, Err(Error::Unavailable(_))));
            assert!(kept == expected || all_done, "stopped at {last}: {kept:?} {results:?}");
        }
        assert!(whole > 0 && stopped > 10, "{whole} {stopped}");
    }
}
