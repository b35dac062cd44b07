//! The institution of `proof/institution`, compiled into this crate for its own tests.
//!
//! Not another one: a crate that depends on this one has other types than the tests inside of it, so the same files are
//! read here once more.

#[path = "../../../../proof/institution/src/outside.rs"]
mod outside;
#[path = "../../../../proof/institution/src/process.rs"]
mod process;
#[path = "../../../../proof/institution/src/setup.rs"]
mod setup;

pub(crate) use process::Institution;
pub(crate) use setup::{OPERATOR, Setup};
