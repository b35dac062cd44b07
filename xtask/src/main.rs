//! `cargo xtask …`: the commands this project checks and measures itself with.
//!
//! Not a build system: each verb runs cargo or the built binary and reports.

fn main() {}
