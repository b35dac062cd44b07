//! The job queues of payments, by name.
//!
//! What is done with their jobs stands with each use case; how often, in `workers`.

/// The queue of payments under way.
pub const SENDING_QUEUE: &str = "outgoing payments";

/// The queue of payments that wait for money.
pub const FUNDING_QUEUE: &str = "unfunded outgoing payments";

/// The queue of incoming payments whose time will be over.
pub const EXPIRY_QUEUE: &str = "incoming payments";

/// The queue of wallet addresses with money to announce.
pub const WEB_MONETIZATION_QUEUE: &str = "web monetization";

/// The queue of tenants to be mirrored at the authorization server.
pub const TENANT_MIRROR_QUEUE: &str = "tenants at auth";
