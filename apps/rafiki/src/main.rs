//! The binary: every role.
//!
//! Not yet written.

fn main() {}
