//! The driver's write connection to a SQLite database. Units of work use it one after the other, and share commits. Units
//! that only write to a file have another connection, in `sqlite_writer`.
//!
//! While units follow each other, one transaction stays open, and each unit but the first is a savepoint in it. So one
//! wait for the disk serves many units. Statements that a unit sends together are one crossing to the connection's thread.
//!
//! The thread answers each statement on its own, and each answer may wake a task. So nothing is sent that is not needed.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Either, Executor, Sqlite, SqlitePool};
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::Error;
use crate::batch::Batch;

/// The most units that share a commit.
pub(crate) const UNITS_MAX: usize = 64;

const BEGIN: &str = "BEGIN IMMEDIATE";
const SAVEPOINT: &str = "SAVEPOINT unit";
const RELEASE: &str = "RELEASE unit";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const ROLLBACK_UNIT: &str = "ROLLBACK TO unit";
/// Fails if the statement before it has changed no row.
const MUST_HAVE_CHANGED: &str = "SELECT json(CASE changes() WHEN 0 THEN 'nothing' ELSE '0' END)";

/// One statement of those that are sent together.
#[derive(Debug)]
pub(crate) enum Step {
    /// A statement of the unit.
    Given(Statement),
    /// Fails unless the statement before it has changed a row.
    MustHaveChanged,
    Words(&'static str),
}

/// The result of one step.
pub(crate) struct StepResult {
    pub(crate) rows: Vec<QueryResult>,
    pub(crate) done: ExecResult,
}

/// The queue of units for the connection.
#[derive(Debug)]
pub(crate) struct SqliteLine {
    at_it: Arc<Mutex<Connected>>,
    waiting: AtomicUsize,
}

/// What happens to the connection when no transaction is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BetweenUnits {
    /// It is kept, because readers have other connections.
    KeepsConnection,
    /// It is given back to the pool, because readers need it.
    ReleasesConnection,
}

/// The connection, and what is open on it.
#[derive(Debug)]
pub(crate) struct Connected {
    pool: SqlitePool,
    between_units: BetweenUnits,
    connection: Option<PoolConnection<Sqlite>>,
    /// Whether a transaction is open.
    open: bool,
    /// Whether the open transaction has a savepoint for this unit or the next one. The first unit has none: what it undoes
    /// is the whole transaction.
    saved: bool,
    sending: Sending,
    /// Units that wait for the commit.
    ended: Vec<oneshot::Sender<Result<(), String>>>,
}

/// What is being sent. If the sender is dropped meanwhile, it is unknown how many of these steps were done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Nothing,
    /// Statements of a unit with a savepoint.
    WithinTheUnit,
    /// Also the begin or the end of the transaction, or a unit without a savepoint.
    BeyondTheUnit,
}

/// What follows the statements that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The unit goes on.
    GoOn,
    /// The unit ends. A later one commits it.
    LeaveToNext,
    Commit,
}

/// A unit's use of the connection.
#[derive(Debug)]
pub(crate) struct Turn {
    line: Arc<SqliteLine>,
    at_it: Option<OwnedMutexGuard<Connected>>,
}

impl SqliteLine {
    pub(crate) fn new(pool: SqlitePool, between_units: BetweenUnits) -> Arc<Self> {
        let connected = Connected {
            pool,
            between_units,
            connection: None,
            open: false,
            saved: false,
            sending: Sending::Nothing,
            ended: Vec::new(),
        };
        Arc::new(Self { at_it: Arc::new(Mutex::new(connected)), waiting: AtomicUsize::new(0) })
    }

    /// Waits for the connection.
    pub(crate) async fn turn(self: &Arc<Self>) -> Result<Turn, DbErr> {
        let at_it = {
            let _waiting = Waiting::of(self);
            Arc::clone(&self.at_it).lock_owned().await
        };
        let mut turn = Turn { line: Arc::clone(self), at_it: Some(at_it) };
        turn.connected()?.make_ready().await?;
        Ok(turn)
    }

    /// The right to write on another connection to the file, if nobody else writes now.
    pub(crate) fn try_elsewhere(&self) -> Option<Elsewhere> {
        Arc::clone(&self.at_it).try_lock_owned().ok().filter(|at_it| at_it.is_idle()).map(Elsewhere)
    }

    /// As [`SqliteLine::try_elsewhere`]. Waits until nobody else writes, and commits units that have ended.
    pub(crate) async fn elsewhere(&self) -> Elsewhere {
        let mut at_it = Arc::clone(&self.at_it).lock_owned().await;
        at_it.settle().await;
        Elsewhere(at_it)
    }

    /// Whether units wait for the connection.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Gives the connection back, so that the pool can be used or closed.
    pub(crate) async fn rest(&self) {
        let mut connected = self.at_it.lock().await;
        connected.settle().await;
        if let Some(connection) = connected.connection.take()
            && connected.between_units == BetweenUnits::KeepsConnection
        {
            // The connection is not needed any more, so the result does not matter.
            let _ = connection.close().await;
        }
    }

    /// Commits ended units, unless that was done meanwhile.
    async fn settle(&self) {
        self.at_it.lock().await.settle().await;
    }
}

/// The right to write on another connection to the file. While it exists, nothing is written on this one, and no
/// transaction is open.
#[derive(Debug)]
pub(crate) struct Elsewhere(#[expect(dead_code, reason = "it is held")] OwnedMutexGuard<Connected>);

struct Waiting<'l>(&'l SqliteLine);

impl<'l> Waiting<'l> {
    fn of(line: &'l SqliteLine) -> Self {
        line.waiting.fetch_add(1, Ordering::AcqRel);
        Self(line)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Turn {
    /// Sends `steps` together. Returns the results before the first failure, and the error.
    pub(crate) async fn send(&mut self, steps: Vec<Step>) -> (Vec<StepResult>, Option<DbErr>) {
        if let Err(error) = self.commit_others().await {
            return (Vec::new(), Some(error));
        }
        match self.connected() {
            Ok(connected) => {
                // A commit may have given the connection back.
                if let Err(error) = connected.make_ready().await {
                    return (Vec::new(), Some(error));
                }
                connected.send_in_unit(steps, Then::GoOn).await
            }
            Err(error) => (Vec::new(), Some(error)),
        }
    }

    /// As [`Turn::send`], then ends the unit and commits it together with those that wait.
    pub(crate) async fn send_and_commit(mut self, steps: Vec<Step>) -> Ended {
        let Some(at_it) = &mut self.at_it else { return Ended::failed(None) };
        let is_last = self.line.waiting.load(Ordering::Acquire) == 0 || at_it.ended.len() >= UNITS_MAX;
        if !is_last {
            let (answers, error) = at_it.send_in_unit(steps, Then::LeaveToNext).await;
            return if error.is_some() {
                Ended::Failed { turn: Some(self), answers, error }
            } else {
                Ended::Waits(self.wait_for_commit(), answers)
            };
        }
        if at_it.ended.is_empty() {
            return self.commit_now(steps).await;
        }
        // Other units wait for this commit, so it continues if this caller stops waiting.
        let committing = tokio::spawn(self.commit_now(steps));
        committing.await.unwrap_or_else(|_| Ended::failed(None))
    }

    async fn commit_now(mut self, steps: Vec<Step>) -> Ended {
        let Some(at_it) = &mut self.at_it else { return Ended::failed(None) };
        let (answers, error) = at_it.send_in_unit(steps, Then::Commit).await;
        if error.is_some() {
            return Ended::Failed { turn: Some(self), answers, error };
        }
        at_it.closed(&Ok(()));
        Ended::Committed(answers)
    }

    /// Leaves the connection to the next unit, and waits for the commit that a later unit makes.
    fn wait_for_commit(mut self) -> CommitOfAnother {
        let (sender, answer) = oneshot::channel();
        if let Some(mut at_it) = self.at_it.take() {
            at_it.ended.push(sender);
        }
        CommitOfAnother { line: Arc::clone(&self.line), answer, answered: false }
    }

    /// Whether changes of the unit are not committed yet.
    pub(crate) fn is_open(&self) -> bool {
        self.at_it.as_ref().is_some_and(|at_it| at_it.open)
    }

    /// Undoes the changes of the unit.
    pub(crate) async fn roll_back(mut self) {
        if let Some(mut at_it) = self.at_it.take() {
            // It commits other units, so it continues if this caller stops waiting.
            drop(tokio::spawn(async move { at_it.leave().await }).await);
        }
    }

    /// Commits ended units before anything is read.
    ///
    /// The caller may act on what it reads here. So these rows must survive the end of the process. The commit continues if
    /// this caller stops waiting. Otherwise the ended units would be told that nothing was committed, and that is unknown.
    async fn commit_others(&mut self) -> Result<(), DbErr> {
        if self.connected()?.ended.is_empty() {
            return Ok(());
        }
        let Some(mut at_it) = self.at_it.take() else { return Ok(()) };
        let settling = tokio::spawn(async move {
            at_it.settle().await;
            at_it
        });
        self.at_it = settling.await.ok();
        Ok(())
    }

    fn connected(&mut self) -> Result<&mut Connected, DbErr> {
        self.at_it.as_deref_mut().ok_or_else(|| DbErr::Custom("the unit of work has ended".to_owned()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut at_it) = self.at_it.take() else { return };
        if at_it.is_idle() {
            return at_it.release();
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { at_it.leave().await })),
            // The connection cannot be used any more. Closing it undoes everything.
            Err(_) => at_it.give_up("the program ends"),
        }
    }
}

/// The result of [`Turn::send_and_commit`].
pub(crate) enum Ended {
    /// The changes are durable.
    Committed(Vec<StepResult>),
    /// The commit of a later unit decides.
    Waits(CommitOfAnother, Vec<StepResult>),
    /// A step failed after these answers. The unit is still the caller's.
    Failed { turn: Option<Turn>, answers: Vec<StepResult>, error: Option<DbErr> },
}

impl Ended {
    fn failed(turn: Option<Turn>) -> Self {
        Self::Failed { turn, answers: Vec::new(), error: None }
    }
}

/// A unit that has ended and waits for the commit.
pub(crate) struct CommitOfAnother {
    line: Arc<SqliteLine>,
    answer: oneshot::Receiver<Result<(), String>>,
    answered: bool,
}

impl CommitOfAnother {
    pub(crate) async fn made(mut self) -> Result<(), Error> {
        let line = Arc::clone(&self.line);
        let answer = tokio::select! {
            biased;
            answer = &mut self.answer => answer,
            connected = Arc::clone(&line.at_it).lock_owned() => {
                // No other unit waits for the connection, so this one commits for all.
                let mut connected = connected;
                let settling = tokio::spawn(async move { connected.settle().await });
                drop(settling.await);
                (&mut self.answer).await
            }
        };
        self.answered = true;
        match answer {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(Error::Retriable(DbErr::Custom(reason))),
            Err(_) => Err(Error::Unavailable(DbErr::Custom("the connection was closed before the commit".to_owned()))),
        }
    }
}

impl Drop for CommitOfAnother {
    fn drop(&mut self) {
        // If no other unit is left to commit, this one does, although its caller no longer waits.
        if !self.answered
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let line = Arc::clone(&self.line);
            drop(runtime.spawn(async move { line.settle().await }));
        }
    }
}

impl Connected {
    fn is_idle(&self) -> bool {
        !self.open && self.sending == Sending::Nothing
    }

    async fn make_ready(&mut self) -> Result<(), DbErr> {
        self.recover().await;
        if self.connection.is_none() {
            self.connection = Some(self.pool.acquire().await.map_err(from_pool)?);
        }
        Ok(())
    }

    /// Sends `steps` within the unit, and then does what is said. Begins the transaction if needed.
    async fn send_in_unit(&mut self, steps: Vec<Step>, then: Then) -> (Vec<StepResult>, Option<DbErr>) {
        // A single statement is a transaction by itself. A text with a semicolon may be several.
        let is_single = matches!(&steps[..], [Step::Given(only)] if !only.sql.contains(';'));
        let is_whole = is_single && !self.open && then == Then::Commit;
        let (begin, end) = if is_whole { (NONE, NONE) } else { around(self.open, self.saved, then) };
        let within = self.saved && then != Then::Commit;
        let sending = if within { Sending::WithinTheUnit } else { Sending::BeyondTheUnit };
        let given = steps.len();
        let all: Vec<Step> =
            begin.iter().copied().map(Step::Words).chain(steps).chain(end.iter().copied().map(Step::Words)).collect();

        let (mut answers, error) = self.send(&all, sending).await;
        self.open = !is_whole && (self.open || !answers.is_empty());
        answers.drain(..begin.len().min(answers.len()));
        answers.truncate(given);
        let Some(error) = error else {
            match then {
                Then::GoOn => {}
                Then::LeaveToNext => self.saved = true,
                Then::Commit => (self.open, self.saved) = (false, false),
            }
            return (answers, None);
        };
        if ends_the_transaction(&error) {
            self.undo_all(&error.to_string()).await;
        }
        (answers, Some(exec_error(error)))
    }

    async fn send(&mut self, steps: &[Step], sending: Sending) -> (Vec<StepResult>, Option<sqlx::Error>) {
        let Some(connection) = &mut self.connection else { return (Vec::new(), Some(sqlx::Error::PoolClosed)) };

        let mut batch = Batch::default();
        for step in steps {
            match step {
                Step::Given(statement) => batch.push(statement),
                Step::MustHaveChanged => batch.push_words(MUST_HAVE_CHANGED),
                Step::Words(words) => batch.push_words(words),
            }
            batch.push_words(";\n");
        }

        self.sending = sending;
        let query = sqlx::query_with(AssertSqlSafe(batch.sql), SqlxValues(Values(batch.values)));
        let mut results = (&mut **connection).fetch_many(query);
        let (mut answers, mut rows, mut error) = (Vec::with_capacity(steps.len()), Vec::new(), None);

        while let Some(result) = results.next().await {
            match result {
                Ok(Either::Right(row)) => rows.push(row.into()),
                Ok(Either::Left(done)) => answers.push(StepResult { rows: mem::take(&mut rows), done: done.into() }),
                Err(first) => {
                    error = Some(first);
                    break;
                }
            }
        }

        drop(results);
        self.sending = Sending::Nothing;
        (answers, error)
    }

    /// Cleans up after a caller that stopped waiting half-way.
    async fn recover(&mut self) {
        match mem::replace(&mut self.sending, Sending::Nothing) {
            Sending::Nothing => {}
            Sending::WithinTheUnit => self.undo_unit().await,
            Sending::BeyondTheUnit => self.undo_all("a unit of work was given up before its end").await,
        }
    }

    /// Cleans up after a unit that failed: undoes it, and commits the others.
    async fn leave(&mut self) {
        self.recover().await;
        if self.open && !self.ended.is_empty() {
            self.undo_unit().await;
        }
        self.settle().await;
    }

    /// Commits ended units. If there are none, the open transaction is not needed.
    async fn settle(&mut self) {
        self.recover().await;
        if !self.open {
            // A single statement that failed has opened nothing, but it has taken the connection.
            return self.release();
        }
        if self.ended.is_empty() {
            return self.undo_all("no caller waits for it").await;
        }
        match self.send(&[Step::Words(COMMIT)], Sending::BeyondTheUnit).await.1 {
            None => self.closed(&Ok(())),
            Some(error) => self.undo_all(&error.to_string()).await,
        }
    }

    async fn undo_unit(&mut self) {
        if !self.saved {
            return self.undo_all("its only unit was undone").await;
        }
        if let Some(error) = self.send(&[Step::Words(ROLLBACK_UNIT)], Sending::WithinTheUnit).await.1 {
            self.undo_all(&error.to_string()).await;
        }
    }

    /// Undoes the transaction with all units that wait for its commit.
    async fn undo_all(&mut self, reason: &str) {
        let error = self.send(&[Step::Words(ROLLBACK)], Sending::BeyondTheUnit).await.1;
        // After some errors SQLite has already ended the transaction. Then there is nothing to roll back.
        match error {
            None | Some(sqlx::Error::Database(_)) => self.closed(&Err(reason.to_owned())),
            Some(_) => self.give_up(reason),
        }
    }

    fn closed(&mut self, how: &Result<(), String>) {
        (self.open, self.saved) = (false, false);
        for unit in self.ended.drain(..) {
            // A caller that no longer waits needs no answer.
            let _ = unit.send(how.clone());
        }
        self.release();
    }

    fn release(&mut self) {
        if self.between_units == BetweenUnits::ReleasesConnection {
            self.connection = None;
        }
    }

    /// Closes a connection that cannot be used any more. Everything open on it is undone.
    fn give_up(&mut self, reason: &str) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
        self.sending = Sending::Nothing;
        self.closed(&Err(reason.to_owned()));
    }
}

const NONE: &[&str] = &[];

/// What is sent before and after the statements of a unit.
fn around(open: bool, saved: bool, then: Then) -> (&'static [&'static str], &'static [&'static str]) {
    let begin: &[&str] = if open { NONE } else { &[BEGIN] };
    let end: &[&str] = match then {
        Then::GoOn => NONE,
        Then::LeaveToNext if saved => &[RELEASE, SAVEPOINT],
        Then::LeaveToNext => &[SAVEPOINT],
        // It releases the savepoints, too.
        Then::Commit => &[COMMIT],
    };
    (begin, end)
}

/// Whether SQLite ends, or may end, the whole transaction after this error
/// (<https://sqlite.org/lang_transaction.html>). It does not after errors of a single statement: a wrong statement, a
/// constraint, a value that does not fit.
fn ends_the_transaction(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return true };
    let code = error.code().unwrap_or_default().parse::<i32>().map(|code| code & 0xff);
    !matches!(code, Ok(1 | 18 | 19 | 20 | 25))
}

fn exec_error(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

fn from_pool(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::ConnectionClosed),
        other => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(other))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::sqlite_unit::SqliteUnit;
    use crate::write::Write;
    use crate::{Database, Options};

    fn insert(note: &str) -> Vec<Step> {
        let sql = "INSERT INTO notes (note) VALUES ($1)";
        vec![Step::Given(Statement::from_sql_and_values(sea_orm::DbBackend::Sqlite, sql, [note.into()]))]
    }

    async fn notes(line: &Arc<SqliteLine>) -> Vec<String> {
        let sql = Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT note FROM notes ORDER BY note");
        let (mut answers, error) = line.turn().await.unwrap().send(vec![Step::Given(sql)]).await;
        assert!(error.is_none(), "{error:?}");
        answers.remove(0).rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// A file with a table, and an in-memory database that gives its only connection back.
    async fn lines() -> (tempfile::TempDir, Vec<(Database, Arc<SqliteLine>)>) {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", folder.path().join("notes.sqlite").display());
        let mut lines = Vec::new();
        for url in [file.as_str(), "sqlite::memory:"] {
            let database = Database::connect(url, &Options::default()).await.unwrap();
            let line = Arc::clone(database.inner.line.as_ref().unwrap());
            let table = Statement::from_string(sea_orm::DbBackend::Sqlite, "CREATE TABLE notes (note text UNIQUE)");
            let made = line.turn().await.unwrap().send_and_commit(vec![Step::Given(table)]).await;
            assert!(matches!(made, Ended::Committed(_)));
            lines.push((database, line));
        }
        (folder, lines)
    }

    /// A unit that leaves its commit to another one.
    async fn ends_while_another_waits(line: &Arc<SqliteLine>, note: &str) -> CommitOfAnother {
        let turn = line.turn().await.unwrap();
        let _waiting = Waiting::of(line);
        match turn.send_and_commit(insert(note)).await {
            Ended::Waits(commit, _) => commit,
            _ => panic!("the unit has not left its commit to another one"),
        }
    }

    #[test]
    fn a_unit_without_others_has_no_savepoint() {
        assert_eq!(around(false, false, Then::Commit), (&["BEGIN IMMEDIATE"][..], &["COMMIT"][..]));
        assert_eq!(around(false, false, Then::LeaveToNext), (&["BEGIN IMMEDIATE"][..], &["SAVEPOINT unit"][..]));
        let next = (NONE, &["RELEASE unit", "SAVEPOINT unit"][..]);
        assert_eq!(around(true, true, Then::LeaveToNext), next);
        assert_eq!(around(true, true, Then::Commit), (NONE, &["COMMIT"][..]));
    }

    #[tokio::test]
    async fn a_first_unit_that_is_undone_leaves_the_connection_to_the_one_after_it() {
        let (_folder, lines) = lines().await;
        for (_database, line) in lines {
            let mut turn = line.turn().await.unwrap();
            assert!(turn.send(insert("undone")).await.1.is_none());
            turn.roll_back().await;
            let first = ends_while_another_waits(&line, "first").await;
            let mut turn = line.turn().await.unwrap();
            assert!(turn.send(insert("undone, too")).await.1.is_none());
            turn.roll_back().await;
            assert!(first.made().await.is_ok());
            assert!(matches!(line.turn().await.unwrap().send_and_commit(insert("second")).await, Ended::Committed(_)));
            assert_eq!(notes(&line).await, ["first", "second"]);
        }
    }

    #[tokio::test]
    async fn after_a_single_statement_that_failed_the_only_connection_is_free() {
        let (_folder, lines) = lines().await;
        for (database, _) in lines {
            let sql = "INSERT INTO notes (note) VALUES ($1)";
            assert!(database.execute(sql, ["a".into()]).await.is_ok());
            assert!(database.execute(sql, ["a".into()]).await.is_err());
            assert_eq!(database.query("SELECT note FROM notes", []).await.unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_unit_is_told_what_became_of_it_although_the_caller_that_commits_it_stops_waiting() {
        let (_folder, lines) = lines().await;
        for (_database, line) in lines {
            let mut unit = ends_while_another_waits(&line, "a").await;
            let mut turn = line.turn().await.unwrap();
            assert!(futures::poll!(Box::pin(turn.send(insert("of a caller that is gone")))).is_pending());
            drop(turn);
            let told = (&mut unit.answer).await.unwrap();
            unit.answered = true;
            assert_eq!(told.is_ok(), notes(&line).await == ["a"], "{told:?}");
        }
    }

    #[tokio::test]
    async fn a_single_statement_that_fails_changes_nothing_and_the_line_goes_on() {
        let (_folder, lines) = lines().await;
        for (_database, line) in lines {
            assert!(matches!(line.turn().await.unwrap().send_and_commit(insert("a")).await, Ended::Committed(_)));
            let Ended::Failed { turn: Some(turn), error: Some(_), .. } =
                line.turn().await.unwrap().send_and_commit(insert("a")).await
            else {
                panic!("the note is there twice")
            };
            turn.roll_back().await;
            assert!(matches!(line.turn().await.unwrap().send_and_commit(insert("b")).await, Ended::Committed(_)));
            assert_eq!(notes(&line).await, ["a", "b"]);
        }
    }

    /// Lets the database stop whatever it does at its `last`-th instruction from now, once.
    async fn stop_at(line: &SqliteLine, last: u64) -> Arc<AtomicU64> {
        let done = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&done);
        let mut connected = line.at_it.lock().await;
        connected.make_ready().await.unwrap();
        let mut handle = connected.connection.as_mut().unwrap().lock_handle().await.unwrap();
        handle.set_progress_handler(1, move || counted.fetch_add(1, Ordering::SeqCst) != last);
        done
    }

    /// Ends [`stop_at`].
    async fn go_on(line: &SqliteLine) {
        let mut connected = line.at_it.lock().await;
        let mut handle = connected.connection.as_mut().unwrap().lock_handle().await.unwrap();
        handle.remove_progress_handler();
    }

    fn write(sql: &str, note: &str) -> Write {
        let statement = Statement::from_sql_and_values(sea_orm::DbBackend::Sqlite, sql, [note.into()]);
        Write::new("notes", note, statement)
    }

    #[tokio::test]
    async fn a_unit_that_the_database_stops_at_any_instruction_happens_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", folder.path().join("notes.sqlite").display());
        let (mut whole, mut stopped) = (0, 0);
        for last in 0..600 {
            let database = Database::connect(&file, &Options::default()).await.unwrap();
            let line = Arc::clone(database.inner.line.as_ref().unwrap());
            for sql in [
                "CREATE TABLE IF NOT EXISTS notes (note text)",
                "DELETE FROM notes",
                "INSERT INTO notes VALUES ('old')",
            ] {
                database.execute(sql, []).await.unwrap();
            }
            let done = stop_at(&line, last).await;
            let unit = SqliteUnit::new(Arc::clone(&line));
            // The first write is checked, and has another way, which would be wrong here.
            let otherwise = write("INSERT INTO notes VALUES ($1)", "otherwise").statement;
            let first = write("UPDATE notes SET note = $1 WHERE note = 'old'", "new").otherwise(otherwise);
            let result = unit.commit(vec![first, write("INSERT INTO notes VALUES ($1)", "second")]).await;
            go_on(&line).await;
            let kept = notes(&line).await;
            if kept == ["new", "second"] {
                whole += 1;
            } else {
                // The end of a commit may be stopped, too. Then all is done, although the caller hears of an error.
                assert!(kept == ["old"] && result.is_err(), "stopped at {last}: {kept:?} {result:?}");
                stopped += 1;
            }
            if done.load(Ordering::SeqCst) <= last {
                break;
            }
        }
        assert!(whole > 0 && stopped > 10, "{whole} {stopped}");
    }
}
