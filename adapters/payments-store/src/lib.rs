//! The backend database: tables, migrations, units of work.
//!
//! Not yet written.
