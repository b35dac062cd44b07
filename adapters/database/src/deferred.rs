//! Units of work that are in no hurry: they wait for another unit of this process, and share its commit.
//!
//! A unit that finds no other within a moment is committed alone. If a common commit fails, each unit is tried alone.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::oneshot;

use crate::postgres_unit::PostgresUnit;
use crate::sqlite_unit::commit_in_company;
use crate::transaction::Afterwards;
use crate::write::Write;
use crate::{Error, OpenDatabase};

/// How long a unit waits for another.
const PATIENCE: Duration = Duration::from_millis(100);

/// So many units need no other to wait for.
const ENOUGH: usize = 8;

/// A unit that waits.
pub(crate) struct Passenger {
    pub(crate) writes: Vec<Write>,
    pub(crate) afterwards: Afterwards,
    pub(crate) answer: oneshot::Sender<Result<(), Error>>,
}

/// The units that wait.
#[derive(Default)]
pub(crate) struct Unhurried(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    passengers: Vec<Passenger>,
    /// How often they were taken along so far.
    departures: u64,
}

impl Unhurried {
    /// The waiting units. The caller commits them with its own.
    pub(crate) fn take(&self) -> Vec<Passenger> {
        let mut waiting = self.waiting();
        if !waiting.passengers.is_empty() {
            waiting.departures += 1;
        }
        mem::take(&mut waiting.passengers)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits `passenger` with the next unit of this process, or after a moment without it.
pub(crate) fn board(database: &Arc<OpenDatabase>, passenger: Passenger) {
    let (count, departure) = {
        let mut waiting = database.unhurried.waiting();
        waiting.passengers.push(passenger);
        (waiting.passengers.len(), waiting.departures)
    };
    // Tasks of their own, so that a caller that stops waiting leaves nobody behind.
    if count == ENOUGH {
        let company = database.unhurried.take();
        tokio::spawn(depart(Arc::clone(database), company));
    } else if count == 1 {
        let database = Arc::clone(database);
        tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            if database.unhurried.waiting().departures == departure {
                let company = database.unhurried.take();
                depart(database, company).await;
            }
        });
    }
}

/// Commits the waiting units now.
pub(crate) async fn depart(database: Arc<OpenDatabase>, company: Vec<Passenger>) {
    if !company.is_empty()
        && let Err(error) = commit_together(database, Vec::new(), company).await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "units of work were not committed together");
    }
}

/// Commits `own` writes together with `company`. A failure of the company is no failure of `own`, nor the other way
/// round.
pub(crate) async fn commit_together(
    database: Arc<OpenDatabase>,
    own: Vec<Write>,
    company: Vec<Passenger>,
) -> Result<(), Error> {
    let theirs: Vec<Write> = company.iter().flat_map(|passenger| passenger.writes.iter().cloned()).collect();
    let (all_went, result) = match &database.line {
        Some(line) => commit_in_company(line, theirs, own).await,
        None => on_postgres(&database, theirs, own).await,
    };
    for passenger in company {
        if all_went {
            passenger.arrived(&database);
        } else {
            tokio::spawn(passenger.go_alone(Arc::clone(&database)));
        }
    }
    result
}

/// Whether `theirs` were committed, and the result for `own`.
async fn on_postgres(database: &OpenDatabase, theirs: Vec<Write>, own: Vec<Write>) -> (bool, Result<(), Error>) {
    let unit = || PostgresUnit::new(database.writer.clone());
    let all = theirs.into_iter().chain(own.iter().cloned()).collect();
    match unit().commit(all).await {
        Ok(()) => (true, Ok(())),
        // It is unknown what happened.
        Err(error @ Error::Unavailable(_)) => (false, Err(error)),
        // Nothing happened. It is unknown which of them is the cause.
        Err(_) => {
            own.iter().for_each(Write::forget_met);
            (false, unit().commit(own).await)
        }
    }
}

impl Passenger {
    fn arrived(self, database: &OpenDatabase) {
        self.afterwards.happen(&database.wakeups);
        // A caller that no longer waits needs no answer.
        let _ = self.answer.send(Ok(()));
    }

    async fn go_alone(mut self, database: Arc<OpenDatabase>) {
        let writes = mem::take(&mut self.writes);
        writes.iter().for_each(Write::forget_met);
        let result = match &database.line {
            Some(line) => commit_in_company(line, Vec::new(), writes).await.1,
            None => PostgresUnit::new(database.writer.clone()).commit(writes).await,
        };
        match result {
            Ok(()) => self.arrived(&database),
            Err(error) => drop(self.answer.send(Err(error))),
        }
    }
}

/// The error of a unit whose commit was given up.
pub(crate) fn given_up() -> Error {
    Error::Unavailable(DbErr::Custom("the commit was given up".to_owned()))
}

impl std::fmt::Debug for Unhurried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unhurried").field("waiting", &self.waiting().passengers.len()).finish_non_exhaustive()
    }
}
