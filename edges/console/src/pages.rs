//! The pages, one file per subject.
//!
//! Each handler reads from the Admin API and makes a `Page` from it. It changes data only through `Ctx::change`.

pub(crate) mod accounts;
pub(crate) mod approvals;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod charts;
pub(crate) mod choices;
pub(crate) mod cost;
pub(crate) mod deliveries;
pub(crate) mod delivery;
pub(crate) mod event_kinds;
pub(crate) mod export;
pub(crate) mod fees;
pub(crate) mod forecast;
pub(crate) mod grants;
pub(crate) mod home;
pub(crate) mod home_figures;
pub(crate) mod incoming;
pub(crate) mod ledger_check;
pub(crate) mod liquidity;
pub(crate) mod liquidity_overview;
pub(crate) mod live;
pub(crate) mod new_payment;
pub(crate) mod outgoing;
pub(crate) mod payment_parts;
pub(crate) mod payments;
pub(crate) mod peer_certificates;
mod peer_frame;
pub(crate) mod peer_terms;
pub(crate) mod peers;
pub(crate) mod picture;
pub(crate) mod preferences;
pub(crate) mod provider;
pub(crate) mod rates;
pub(crate) mod saved_views;
pub(crate) mod search;
pub(crate) mod sign_in;
pub(crate) mod tenants;
pub(crate) mod wallet_addresses;
pub(crate) mod wallet_keys;
pub(crate) mod webhook_endpoints;
pub(crate) mod webhook_events;
