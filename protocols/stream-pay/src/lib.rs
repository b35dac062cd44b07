//! Rate probe, quotes and sending within limits over STREAM.
//!
//! Not yet written.
