//! What people do about webhooks: endpoints, their secrets, test calls, sending again. A file for each.
//!
//! Not who may: the caller names the tenant whose data is reached.

use std::sync::Arc;

use clock::{Clock, Entropy, Timestamp};
use directory::Directory;
use outbound_http::Outbound;
use payments_store::Store;

use crate::Targets;

/// What people do about webhooks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebhookAdministration {
    /// Where endpoints and deliveries are.
    pub store: Store,
    /// What tenants have set.
    pub directory: Directory,
    /// Who is reached where.
    pub targets: Arc<Targets>,
    /// What sends test calls.
    pub http: Outbound,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and secrets.
    pub entropy: Arc<dyn Entropy>,
}

impl WebhookAdministration {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
