//! Connections, dialects, migrations runner.
//!
//! Not yet written.
