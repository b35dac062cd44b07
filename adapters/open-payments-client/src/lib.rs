//! Client of Open Payments and GNAP servers.
//!
//! Not yet written.
