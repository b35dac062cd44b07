//! The routes beside the Admin API that the operator's own machines use: numbers, health and balances of the ledger.
//!
//! Shows and changes nothing. The GraphQL API is `admin-graphql`.

#![warn(missing_docs)]

mod account_view;
mod health;
mod ledger_view;

pub use account_view::AccountView;
pub use health::{Instance, LedgerHealth, Watching, health_routes};
pub use ledger_view::{LastFailure, LedgerView, LedgerViewSettings};
