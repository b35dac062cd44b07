//! Tests of use cases that need a whole service, a store and a ledger. Tests of small rules are beside their code.
//!
//! [`testing`] makes the service for the tests.

mod away;
mod crash;
mod expectation;
mod flow;
mod foreign_receiver;
mod grant_end;
pub(crate) mod held_grant;
#[expect(unreachable_pub, dead_code, reason = "other crates use all of it")]
mod institution;
mod life;
mod partial;
mod remote_address;
mod tenant;
pub(crate) mod testing;
