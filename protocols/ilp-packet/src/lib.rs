//! ILPv4 packets, addresses and ILDCP over OER.
//!
//! Not yet written.
