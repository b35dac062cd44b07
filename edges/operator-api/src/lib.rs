//! Routes for the operator's own machines, beside the Admin API: metrics, health and ledger balances.
//!
//! They change nothing. The GraphQL API is `admin-graphql`.

#![warn(missing_docs)]

mod account_view;
mod health;
mod ledger_view;

pub use account_view::AccountView;
pub use health::{Instance, LedgerHealth, Watching, health_routes};
pub use ledger_view::{LastFailure, LedgerView, LedgerViewSettings};
