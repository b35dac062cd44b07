//! Work that survives the process: enqueued in the transaction that causes it, leased, repeated until it is done.
//!
//! Not a scheduler of recurring tasks, and not exactly once: a job may run again after a crash, so what it does
//! outside has ids derived from its cause, and what it does inside is committed together with its completion.

mod claim;
mod desk;
mod ends;
mod job;
mod queue;
mod room;
mod worker;

pub use ends::completed;
pub use job::Job;
pub use queue::{NewJob, cancel, enqueue, waiting_until};
pub use worker::{Backoff, Done, Failure, Handler, Settings, Worker};

use database::{Migrations, Step};

/// The table of jobs, in the database whose transactions enqueue them.
pub const MIGRATIONS: Migrations =
    Migrations { store: "jobs", steps: &[Step { name: "0001_jobs", sql: include_str!("0001_jobs.sql") }] };
