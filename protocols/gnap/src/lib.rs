//! Grant, interaction, access and token types (GNAP).
//!
//! Not yet written.
