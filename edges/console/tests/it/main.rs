//! The console between a simulated browser and a simulated Admin API.
//! The real Admin API is tested in `admin-graphql`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod approvals;
mod base_path;
mod browser;
mod columns;
mod fake;
mod live;
mod pages;
mod probes;
mod provider;
mod safety;
mod several;
mod signing_in;
mod tasks;
mod words;
