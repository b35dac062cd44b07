//! The tables, step by step.
//!
//! Instants are milliseconds since the epoch. A step that was released is never changed.

use database::{Migrations, Step};

/// Every step of the auth database.
pub const MIGRATIONS: Migrations = Migrations {
    store: "auth",
    steps: &[
        Step { name: "0001_grants", sql: include_str!("migrations/0001_grants.sql") },
        Step { name: "0002_kept_secrets", sql: include_str!("migrations/0002_kept_secrets.sql") },
    ],
};
