//! Open Payments resource types.
//!
//! Not yet written.
