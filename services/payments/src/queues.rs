//! The names of the job queues of payments.
//!
//! The handlers are with their use cases. The workers are in `workers`.

/// The queue of payments under way.
pub const SENDING_QUEUE: &str = "outgoing payments";

/// The queue of payments that wait for a deposit.
pub const FUNDING_QUEUE: &str = "unfunded outgoing payments";

/// The queue of incoming payments that will expire.
pub const EXPIRY_QUEUE: &str = "incoming payments";

/// The queue of wallet addresses with money to announce.
pub const WEB_MONETIZATION_QUEUE: &str = "web monetization";

/// The queue of tenants to be mirrored at the authorization server.
pub(crate) const TENANT_MIRROR_QUEUE: &str = "tenants at auth";
