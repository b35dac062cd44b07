//! Routes for the operator's own machines, beside the Admin API: metrics, health, ledger balances, and the route to
//! which the authorization server hands over events about grants.
//!
//! Only the last one writes anything. The GraphQL API is `admin-graphql`.

#![warn(missing_docs)]

mod account_view;
mod grant_events;
mod health;
mod ledger_view;

pub use account_view::AccountView;
pub use grant_events::GrantEventReceiver;
pub use health::{Instance, LedgerHealth, Watching, health_routes};
pub use ledger_view::{LastFailure, LedgerView, LedgerViewSettings};
