//! The documents with which two nodes become peers: a request, and its answer or refusal.
//!
//! It writes and reads the documents, and does not decide about a peering. No RFC describes them. Addresses are those
//! of RFC 15. The packets that follow use ILP over HTTP (RFC 35).

#![warn(missing_docs)]

mod endpoint;
mod refusal;
mod reply;
mod request;

pub use endpoint::is_endpoint;
pub use refusal::{Refusal, RefusalKind};
pub use reply::{PeeringReply, UnusableReply};
pub use request::{PeeringRequest, UnreadableRequest};

/// The longest endpoint URL.
const URL_MAX: usize = 2048;
/// The longest token and name.
const LINE_MAX: usize = 255;
