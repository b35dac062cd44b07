//! The documents with which two nodes become peers: a request, and its answer or refusal.
//!
//! What may be agreed is decided elsewhere; here is how it is written and read. No RFC describes it; addresses are those
//! of RFC 15, and peers talk ILP over HTTP (RFC 35) afterwards.

#![warn(missing_docs)]

mod endpoint;
mod refusal;
mod reply;
mod request;

pub use endpoint::is_endpoint;
pub use refusal::{Refusal, RefusalKind};
pub use reply::{PeeringReply, UnusableReply};
pub use request::{PeeringRequest, UnreadableRequest};

/// The longest endpoint.
const URL_MAX: usize = 2048;
/// The longest token and name.
const LINE_MAX: usize = 255;
