//! What a text written by strangers may be: how long, how deep, and without characters that a database refuses.
//!
//! Checked once over a whole request before anything reads it, so that a new argument is bounded without a thought.
//! What a single field demands beyond that is its own type's business.

#![warn(missing_docs)]

mod json;
mod target;
mod text;

pub use json::{Bounds, METADATA_MAX, Problem, Unfit, check_json};
pub use target::check_target;
pub use text::{BadText, check_line, check_text};
