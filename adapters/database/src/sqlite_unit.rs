//! A unit of work on SQLite. It takes the write connection with its first statement.
//!
//! The connection and its shared commits are in `sqlite_line`.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use sea_orm::{DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::Mutex;

use crate::Error;
use crate::sqlite_line::{Ended, SqliteLine, Step, StepResult, Turn};
use crate::write::Write;

#[derive(Debug)]
pub(crate) struct SqliteUnit {
    line: Arc<SqliteLine>,
    stage: Mutex<Stage>,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was sent yet.
    Before,
    At(Turn),
    /// A collected write has failed, the database has ended the transaction, or a caller stopped waiting. The whole unit has
    /// failed.
    Failed,
}

impl SqliteUnit {
    pub(crate) fn new(line: Arc<SqliteLine>) -> Self {
        Self { line, stage: Mutex::new(Stage::Before) }
    }

    pub(crate) fn has_begun(&mut self) -> bool {
        !matches!(self.stage.get_mut(), Stage::Before)
    }

    pub(crate) async fn query(&self, statements: Vec<Statement>) -> Result<Vec<Vec<QueryResult>>, DbErr> {
        Ok(self.ask(statements).await?.into_iter().map(|answer| answer.rows).collect())
    }

    pub(crate) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let answer = self.ask(vec![statement]).await?.pop();
        answer.map(|answer| answer.done).ok_or_else(|| DbErr::Custom("a statement without an answer".to_owned()))
    }

    async fn ask(&self, statements: Vec<Statement>) -> Result<Vec<StepResult>, DbErr> {
        let mut stage = self.stage.lock().await;
        let mut turn = self.turn(&mut stage).await?;
        let (answers, error) = turn.send(statements.into_iter().map(Step::Given).collect()).await;
        if error.is_none() || turn.is_open() {
            *stage = Stage::At(turn);
        }
        error.map_or(Ok(answers), Err)
    }

    pub(crate) async fn write(&self, writes: Vec<Write>) -> Result<(), Error> {
        if writes.is_empty() {
            return Ok(());
        }
        let mut stage = self.stage.lock().await;
        let mut turn = self.turn(&mut stage).await?;
        let mut left = VecDeque::from(writes);
        while !left.is_empty() {
            let (answers, error) = turn.send(steps(&left)).await;
            let Some(error) = error else {
                left.iter().for_each(Write::note_met);
                break;
            };
            after_failure(&mut left, &turn, answers.len(), error)?;
        }
        *stage = Stage::At(turn);
        Ok(())
    }

    pub(crate) async fn commit(self, writes: Vec<Write>) -> Result<(), Error> {
        let turn = match self.stage.into_inner() {
            Stage::Failed => return Err(failed().into()),
            Stage::Before if writes.is_empty() => return Ok(()),
            Stage::Before => self.line.turn().await?,
            Stage::At(turn) => turn,
        };
        commit(turn, writes).await
    }

    pub(crate) async fn rollback(self) {
        if let Stage::At(turn) = self.stage.into_inner() {
            turn.roll_back().await;
        }
    }

    /// Takes the turn, or waits for it. Until the caller puts it back, the unit counts as failed: if the caller stops
    /// waiting, or gets an error, nothing of the unit may be committed.
    async fn turn(&self, stage: &mut Stage) -> Result<Turn, DbErr> {
        match mem::replace(stage, Stage::Failed) {
            Stage::Before => self.line.turn().await,
            Stage::At(turn) => Ok(turn),
            Stage::Failed => Err(failed()),
        }
    }
}

/// Sends the last `writes` of the unit that has `turn`, and commits it.
async fn commit(mut turn: Turn, writes: Vec<Write>) -> Result<(), Error> {
    let mut left = VecDeque::from(writes);
    loop {
        match turn.send_and_commit(steps(&left)).await {
            Ended::Committed(_) => {
                left.iter().for_each(Write::note_met);
                return Ok(());
            }
            Ended::Waits(commit, _) => {
                commit.made().await?;
                left.iter().for_each(Write::note_met);
                return Ok(());
            }
            Ended::Failed { turn: Some(own), answers, error: Some(error) } => {
                if let Err(error) = after_failure(&mut left, &own, answers.len(), error) {
                    // The failure may be caused by another unit's change. That is committed before this error is
                    // returned.
                    own.roll_back().await;
                    return Err(error);
                }
                turn = own;
            }
            Ended::Failed { .. } => return Err(failed().into()),
        }
    }
}

/// Runs one statement as its own unit. Returns its result after the commit.
pub(crate) async fn run_alone(line: &Arc<SqliteLine>, statement: Statement) -> Result<StepResult, Error> {
    let mut answers = match line.turn().await?.send_and_commit(vec![Step::Given(statement)]).await {
        Ended::Committed(answers) => answers,
        Ended::Waits(commit, answers) => {
            commit.made().await?;
            answers
        }
        Ended::Failed { turn, error, .. } => {
            if let Some(turn) = turn {
                turn.roll_back().await;
            }
            return Err(error.unwrap_or_else(failed).into());
        }
    };
    answers.pop().ok_or_else(|| DbErr::Custom("a statement without an answer".to_owned()).into())
}

fn failed() -> DbErr {
    DbErr::Custom("a part of this transaction has failed, so all of it is undone".to_owned())
}

fn steps(writes: &VecDeque<Write>) -> Vec<Step> {
    let mut steps = Vec::with_capacity(writes.len() * 2);
    for write in writes {
        steps.push(Step::Given(write.statement.clone()));
        if write.counts() {
            steps.push(Step::MustHaveChanged);
        }
    }
    steps
}

/// Leaves the writes in `writes` that are still to be sent, after `answered` steps succeeded and the next one failed.
fn after_failure(writes: &mut VecDeque<Write>, turn: &Turn, answered: usize, error: DbErr) -> Result<(), Error> {
    if !turn.is_open() {
        // The steps that succeeded are undone, too. The rest alone would be a part of the unit.
        return Err(error.into());
    }
    let mut before = answered;
    while let Some(write) = writes.pop_front() {
        let own = if write.counts() { 2 } else { 1 };
        if before >= own {
            before -= own;
            write.note_met();
            continue;
        }
        if before == 0 {
            return Err(error.into());
        }
        // The statement succeeded and changed no row.
        if let Some(other) = write.next()? {
            writes.push_front(other);
        }
        return Ok(());
    }
    // Every write succeeded, so the commit has failed.
    Err(error.into())
}
