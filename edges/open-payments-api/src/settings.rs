//! What the listener is given: its settings and the services it calls.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy};
use http_signatures::{Freshness, Jwk, TargetOrigin};
use idempotency::{Keys, KeysSettings};
use open_payments_client::KeySets;
use payments_model::TenantId;
use shared_cache::SharedCache;
use token_introspection::IntrospectionClient;

use crate::backend::Backend;

/// How long an idempotency key is remembered, and how long a process that died keeps it.
const KEYS: KeysSettings = KeysSettings { kept: Duration::from_hours(24), lease: Duration::from_secs(10) };

/// What an operator decides about the listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `OPEN_PAYMENTS_URL`: the beginning of every resource's id.
    pub open_payments_url: String,
    /// `AUTH_SERVER_GRANT_URL`: where clients are sent for grants.
    pub auth_server_grant_url: String,
    /// `CARD_SERVICE_URL`, announced by wallet addresses.
    pub card_service_url: Option<String>,
    /// `WALLET_ADDRESS_URL`: this instance's own identity as a client; it has keys but is no wallet address.
    pub own_wallet_address: String,
    /// The public half of this instance's client key.
    pub own_key: Jwk,
    /// Where scheme and host of signed requests come from.
    pub target: TargetOrigin,
    /// How old signatures may be.
    pub freshness: Freshness,
    /// `ENABLE_SPSP_PAYMENT_POINTERS`: wallet addresses answer SPSP clients.
    pub spsp: bool,
    /// `WALLET_ADDRESS_NOT_FOUND_POLLING_ENABLED`: the document of an unknown address is waited for.
    pub wait_for_document: bool,
    /// `WALLET_ADDRESS_REDIRECT_HTML_PAGE`: where browsers are sent, with placeholders.
    pub redirect_html_page: Option<String>,
}

/// The listener's state. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OpenPaymentsApi {
    pub(crate) settings: Arc<Settings>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) introspection: IntrospectionClient,
    pub(crate) client_keys: Arc<KeySets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cache: SharedCache,
    pub(crate) keys: Keys,
}

impl OpenPaymentsApi {
    /// The state of a listener over these services; `cache` remembers used nonces and idempotency keys for all processes
    /// of the server.
    pub fn new(
        settings: Settings,
        backend: Arc<dyn Backend>,
        introspection: IntrospectionClient,
        client_keys: Arc<KeySets>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        cache: SharedCache,
    ) -> Self {
        let keys = Keys::new(cache.clone(), entropy, KEYS);
        Self { settings: Arc::new(settings), backend, introspection, client_keys, clock, cache, keys }
    }
}

impl Settings {
    /// The public URL of a resource.
    pub(crate) fn resource_url(&self, tenant: TenantId, collection: &str, id: impl std::fmt::Display) -> String {
        format!("{}/{tenant}/{collection}/{id}", self.open_payments_url.trim_end_matches('/'))
    }

    /// The resource server of a tenant.
    pub(crate) fn resource_server(&self, tenant: TenantId) -> String {
        format!("{}/{tenant}", self.open_payments_url.trim_end_matches('/'))
    }

    /// The authorization server of a tenant.
    pub(crate) fn auth_server(&self, tenant: TenantId) -> String {
        format!("{}/{tenant}", self.auth_server_grant_url.trim_end_matches('/'))
    }
}
