//! The listeners, as clients, browsers, identity providers, resource servers and the backend use them.
//! The rules behind them are tested in `auth-model`.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod admin;
mod continuation;
mod contract;
mod grant_events;
mod grants;
mod harness;
mod hostile;
mod interaction;
mod introspection;
mod issuer;
mod matrix;
mod refusals;
mod repetition;
mod services;
mod strangers;
mod tenants;
mod tokens;
