//! The institution of `proof/institution`, compiled into this crate for its own tests.
//!
//! Inside this crate its types differ from those that other crates see. So the files are compiled here a second time.

// The files below use it.
use peering as _;

#[path = "../../../../proof/institution/src/outside.rs"]
mod outside;
#[path = "../../../../proof/institution/src/process.rs"]
mod process;
#[path = "../../../../proof/institution/src/setup.rs"]
mod setup;

pub(crate) use process::Institution;
pub(crate) use setup::{OPERATOR, Setup};
