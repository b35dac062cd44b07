//! The Admin API over a real store: permissions, refusals and whole flows.
//! The rules behind it are tested in `services/payments`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod bench;
mod directory;
mod explorer;
mod flows;
mod gate;
mod hostile;
mod interrupted;
mod matrix;
mod payments;
mod rates;
mod schema;
mod services;
mod statements;
mod tenants;
mod webhooks;
