//! The console between a browser and an Admin API that the test plays.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod browser;
mod fake;
mod pages;
mod safety;
mod signing_in;
mod tasks;
