//! Work that survives the end of the process: enqueued in a transaction, leased, and repeated until it is done.
//!
//! This is no scheduler of recurring tasks. A job may run again after a crash. So its effects outside have ids derived
//! from its cause, and its effects in the database are committed together with its completion.

mod capacity;
mod claim;
mod completions;
mod job;
mod local_queue;
mod queue;
mod worker;

pub use claim::{DueJob, due_jobs};
pub use job::Job;
pub use queue::{IfWaiting, NewJob, cancel, enqueue, release, waiting_until};
pub use worker::{Backoff, Done, Failure, Handler, Worker, WorkerSettings};

use database::{Migrations, Step};

/// The table of jobs, in the database whose transactions enqueue them.
pub const MIGRATIONS: Migrations =
    Migrations { store: "jobs", steps: &[Step { name: "0001_jobs", sql: include_str!("0001_jobs.sql") }] };
