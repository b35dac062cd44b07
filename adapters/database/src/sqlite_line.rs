//! The one write connection of a SQLite file, which units of work use one after the other and whose commits they share.
//!
//! One transaction is open as long as units follow each other; each unit is a savepoint in it. So one wait for the disk
//! serves many units, and what a unit asks or writes at once is one crossing to the connection's thread.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Either, Executor, Sqlite, SqlitePool};
use sea_orm::{DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::Error;
use crate::batch::Batch;

/// So many units share a commit at most.
const UNITS_MAX: usize = 64;

const BEGIN: &str = "BEGIN IMMEDIATE";
const SAVEPOINT: &str = "SAVEPOINT unit";
const RELEASE: &str = "RELEASE unit";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const ROLLBACK_UNIT: &str = "ROLLBACK TO unit";
/// Fails where the statement before it has changed fewer rows than this many.
const MUST_HAVE_CHANGED: &str = "SELECT json(CASE WHEN changes() < $1 THEN 'too few' ELSE '0' END)";

/// One piece of what is sent at once.
#[derive(Debug)]
pub(crate) enum Step {
    /// Of a unit of work.
    Given(Statement),
    /// Fails unless the last piece has changed so many rows.
    MustHaveChanged(i64),
    Words(&'static str),
}

/// What one piece has given.
pub(crate) struct Answer {
    pub(crate) rows: Vec<QueryResult>,
    pub(crate) done: ExecResult,
}

/// Where units queue for the connection.
#[derive(Debug)]
pub(crate) struct SqliteLine {
    at_it: Arc<Mutex<Connected>>,
    waiting: AtomicUsize,
}

/// The connection, and what is open on it.
#[derive(Debug)]
pub(crate) struct Connected {
    pool: SqlitePool,
    /// Whether the connection is kept while nothing is open: readers have others.
    kept: bool,
    connection: Option<PoolConnection<Sqlite>>,
    /// A transaction is open, and in it a savepoint that is this unit's, or the next one's.
    open: bool,
    sending: Sending,
    /// Units that wait for the commit.
    ended: Vec<oneshot::Sender<Result<(), String>>>,
}

/// What is being sent: if nobody waits for the answer any more, it is not known how far that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Nothing,
    /// Statements of a unit.
    WithinTheUnit,
    /// The begin or the end of the transaction too.
    BeyondTheUnit,
}

/// The turn of one unit.
#[derive(Debug)]
pub(crate) struct Turn {
    line: Arc<SqliteLine>,
    at_it: Option<OwnedMutexGuard<Connected>>,
}

impl SqliteLine {
    pub(crate) fn new(pool: SqlitePool, kept: bool) -> Arc<Self> {
        let connected =
            Connected { pool, kept, connection: None, open: false, sending: Sending::Nothing, ended: Vec::new() };
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

    /// Gives the connection back, so that the pool can be used or closed.
    pub(crate) async fn rest(&self) {
        let mut connected = self.at_it.lock().await;
        connected.settle().await;
        if let Some(connection) = connected.connection.take()
            && connected.kept
        {
            // What is closed is not needed any more, however that goes.
            let _ = connection.close().await;
        }
    }

    /// Commits what ended units wait for, unless somebody else has.
    async fn settle(&self) {
        self.at_it.lock().await.settle().await;
    }
}

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
    /// Sends `steps` at once; what was answered before the first that failed, and its error.
    pub(crate) async fn send(&mut self, steps: Vec<Step>) -> (Vec<Answer>, Option<DbErr>) {
        match self.connected() {
            Ok(connected) => {
                connected.commit_others().await;
                connected.send_in_unit(steps, &[]).await
            }
            Err(error) => (Vec::new(), Some(error)),
        }
    }

    /// As [`Turn::send`]; then the unit is ended, and committed together with those that wait for it.
    pub(crate) async fn send_and_commit(mut self, steps: Vec<Step>) -> Ended {
        let Some(at_it) = &mut self.at_it else { return Ended::failed(None) };
        let is_last = self.line.waiting.load(Ordering::Acquire) == 0 || at_it.ended.len() >= UNITS_MAX;
        if !is_last {
            let (answers, error) = at_it.send_in_unit(steps, &[RELEASE, SAVEPOINT]).await;
            return if error.is_some() {
                Ended::Failed { turn: Some(self), answers, error }
            } else {
                Ended::Waits(self.wait_for_commit())
            };
        }
        if at_it.ended.is_empty() {
            return self.commit_now(steps).await;
        }
        // Others wait for this commit, so it does not depend on whether this caller goes on waiting.
        let committing = tokio::spawn(self.commit_now(steps));
        committing.await.unwrap_or_else(|_| Ended::failed(None))
    }

    async fn commit_now(mut self, steps: Vec<Step>) -> Ended {
        let Some(at_it) = &mut self.at_it else { return Ended::failed(None) };
        let (answers, error) = at_it.send_in_unit(steps, &[RELEASE, COMMIT]).await;
        if error.is_some() {
            return Ended::Failed { turn: Some(self), answers, error };
        }
        at_it.closed(&Ok(()));
        Ended::Committed
    }

    /// Leaves the connection to the next unit and waits for the commit that a later one makes, or this one in the end.
    fn wait_for_commit(mut self) -> CommitOfAnother {
        let (sender, answer) = oneshot::channel();
        if let Some(mut at_it) = self.at_it.take() {
            at_it.ended.push(sender);
        }
        CommitOfAnother { line: Arc::clone(&self.line), answer, answered: false }
    }

    /// Whether what the unit did is still to be committed.
    pub(crate) fn is_open(&self) -> bool {
        self.at_it.as_ref().is_some_and(|at_it| at_it.open)
    }

    /// Undoes what the unit did.
    pub(crate) async fn roll_back(mut self) {
        if let Some(mut at_it) = self.at_it.take() {
            at_it.leave().await;
        }
    }

    fn connected(&mut self) -> Result<&mut Connected, DbErr> {
        self.at_it.as_deref_mut().ok_or_else(|| DbErr::Custom("the unit of work has ended".to_owned()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut at_it) = self.at_it.take() else { return };
        if !at_it.open && at_it.sending == Sending::Nothing {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { at_it.leave().await })),
            // Nobody can ask the connection any more; closing it undoes everything.
            Err(_) => at_it.give_up("the program ends"),
        }
    }
}

/// How [`Turn::send_and_commit`] went.
pub(crate) enum Ended {
    /// It is durable.
    Committed,
    /// It will be, or not, when another unit ends.
    Waits(CommitOfAnother),
    /// A step failed after so many answers; the unit is still the caller's.
    Failed { turn: Option<Turn>, answers: Vec<Answer>, error: Option<DbErr> },
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
                // Everybody who waited for the connection has had it: this unit commits for all.
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
        // Nobody may be left to commit; then this does, although its caller does not wait any more.
        if !self.answered
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let line = Arc::clone(&self.line);
            drop(runtime.spawn(async move { line.settle().await }));
        }
    }
}

impl Connected {
    async fn make_ready(&mut self) -> Result<(), DbErr> {
        self.recover().await;
        if self.connection.is_none() {
            self.connection = Some(self.pool.acquire().await.map_err(from_pool)?);
        }
        Ok(())
    }

    /// Sends `steps` and then `end` within the unit, whose transaction is begun if it is not.
    async fn send_in_unit(&mut self, steps: Vec<Step>, end: &[&'static str]) -> (Vec<Answer>, Option<DbErr>) {
        let begin: &[&'static str] = if self.open { &[] } else { &[BEGIN, SAVEPOINT] };
        let beyond = !begin.is_empty() || end.contains(&COMMIT);
        let sending = if beyond { Sending::BeyondTheUnit } else { Sending::WithinTheUnit };
        let given = steps.len();
        let all: Vec<Step> =
            begin.iter().copied().map(Step::Words).chain(steps).chain(end.iter().copied().map(Step::Words)).collect();

        let (mut answers, error) = self.send(&all, sending).await;
        self.open = self.open || !answers.is_empty();
        answers.drain(..begin.len().min(answers.len()));
        if error.is_none() && end.contains(&COMMIT) {
            self.open = false;
        }
        answers.truncate(given);
        let Some(error) = error else { return (answers, None) };
        if ends_the_transaction(&error) {
            self.undo_all(&error.to_string()).await;
        }
        (answers, Some(exec_error(error)))
    }

    async fn send(&mut self, steps: &[Step], sending: Sending) -> (Vec<Answer>, Option<sqlx::Error>) {
        let Some(connection) = &mut self.connection else { return (Vec::new(), Some(sqlx::Error::PoolClosed)) };
        let mut batch = Batch::default();
        for step in steps {
            match step {
                Step::Given(statement) => batch.push(statement),
                Step::MustHaveChanged(rows) => {
                    let values = [(*rows).into()];
                    batch.push(&Statement::from_sql_and_values(DbBackend::Sqlite, MUST_HAVE_CHANGED, values));
                }
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
                Ok(Either::Left(done)) => answers.push(Answer { rows: mem::take(&mut rows), done: done.into() }),
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

    /// Commits what ended units wait for, before anything is read.
    ///
    /// The caller may tell others what it reads here, so that must not vanish with the process.
    async fn commit_others(&mut self) {
        if !self.ended.is_empty() {
            self.settle().await;
        }
    }

    /// After a caller that stopped waiting in the middle.
    async fn recover(&mut self) {
        match mem::replace(&mut self.sending, Sending::Nothing) {
            Sending::Nothing => {}
            Sending::WithinTheUnit => self.undo_unit().await,
            Sending::BeyondTheUnit => self.undo_all("a unit of work was given up in the middle").await,
        }
    }

    /// After a unit that did not end well: undoes it, and commits the others.
    async fn leave(&mut self) {
        self.recover().await;
        if self.open && !self.ended.is_empty() {
            self.undo_unit().await;
        }
        self.settle().await;
    }

    /// Commits what ended units wait for; without any, nothing that is open is worth keeping.
    async fn settle(&mut self) {
        self.recover().await;
        if !self.open {
            return;
        }
        if self.ended.is_empty() {
            return self.undo_all("no caller waits for it").await;
        }
        let commit = [Step::Words(RELEASE), Step::Words(COMMIT)];
        match self.send(&commit, Sending::BeyondTheUnit).await.1 {
            None => self.closed(&Ok(())),
            Some(error) => self.undo_all(&error.to_string()).await,
        }
    }

    async fn undo_unit(&mut self) {
        if let Some(error) = self.send(&[Step::Words(ROLLBACK_UNIT)], Sending::WithinTheUnit).await.1 {
            self.undo_all(&error.to_string()).await;
        }
    }

    /// Undoes the transaction with all units that wait for its commit.
    async fn undo_all(&mut self, reason: &str) {
        let error = self.send(&[Step::Words(ROLLBACK)], Sending::BeyondTheUnit).await.1;
        // Some errors have ended the transaction by themselves: then there is nothing to roll back.
        match error {
            None | Some(sqlx::Error::Database(_)) => self.closed(&Err(reason.to_owned())),
            Some(_) => self.give_up(reason),
        }
    }

    fn closed(&mut self, how: &Result<(), String>) {
        self.open = false;
        for unit in self.ended.drain(..) {
            // A caller who does not wait any more needs no answer.
            let _ = unit.send(how.clone());
        }
        if !self.kept {
            self.connection = None;
        }
    }

    /// Closes a connection that cannot be used any more; whatever is open on it does not happen.
    fn give_up(&mut self, reason: &str) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
        self.sending = Sending::Nothing;
        self.closed(&Err(reason.to_owned()));
    }
}

/// Whether SQLite ends the whole transaction at such an error, or may (<https://sqlite.org/lang_transaction.html>).
/// Errors of a statement itself do not: a wrong statement, a constraint, a value that does not fit.
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
