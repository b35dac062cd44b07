//! Limits for texts from strangers: their length, their depth, and no characters that a database refuses.
//!
//! It does not check single fields: their types do. The limits are checked once for a whole request before it is read,
//! so a new argument is bounded without extra code.

#![warn(missing_docs)]

mod field_change;
mod json;
mod target;
mod text;

pub use field_change::FieldChange;
pub use json::{Bounds, METADATA_MAX, Problem, Unfit, check_json};
pub use target::check_target;
pub use text::{BadText, check_line, check_text};
