//! The tables, step by step.
//!
//! It holds no rows and no queries. Instants are milliseconds since the epoch. A released step is never changed.

use database::{Migrations, Step};

/// Every step of the auth database.
pub const MIGRATIONS: Migrations = Migrations {
    store: "auth",
    steps: &[
        Step { name: "0001_grants", sql: include_str!("migrations/0001_grants.sql") },
        Step { name: "0006_tenant_secrets", sql: include_str!("migrations/0006_tenant_secrets.sql") },
        Step { name: "0007_kept_secrets", sql: include_str!("migrations/0007_kept_secrets.sql") },
        Step { name: "0008_grant_events", sql: include_str!("migrations/0008_grant_events.sql") },
        Step { name: "0009_service_tokens", sql: include_str!("migrations/0009_service_tokens.sql") },
        Step { name: "0010_bound_tokens", sql: include_str!("migrations/0010_bound_tokens.sql") },
        Step { name: "0011_kept_answers", sql: include_str!("migrations/0011_kept_answers.sql") },
    ],
};
