//! The auth database: tables, migrations, units of work.
//!
//! Not yet written.
