//! What administrators do with webhooks: they manage endpoints and secrets, make test calls, and send deliveries again.
//! Each subject has a file.
//!
//! It does not check permissions: the caller names the tenant whose data is used.

use std::sync::Arc;

use clock::{Clock, Entropy, Timestamp};
use directory::Directory;
use outbound_http::Outbound;
use payments_store::Store;

use crate::Targets;

/// The administrative operations on webhooks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebhookAdministration {
    /// Holds the endpoints and deliveries.
    pub store: Store,
    /// Knows the settings of tenants.
    pub directory: Directory,
    /// Gives the URL and the settings for each recipient.
    pub targets: Arc<Targets>,
    /// Sends test calls.
    pub http: Outbound,
    /// Gives the time.
    pub clock: Arc<dyn Clock>,
    /// Gives the randomness for ids and secrets.
    pub entropy: Arc<dyn Entropy>,
}

impl WebhookAdministration {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
