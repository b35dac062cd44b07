//! STREAM frames, encryption, receiver and sender state.
//!
//! Not yet written.
