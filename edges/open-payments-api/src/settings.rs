//! What the listener is given: its settings and the services it calls.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy};
use http_signatures::{Freshness, Jwk, TargetOrigin};
use idempotency::{Keys, KeysSettings};
use open_payments_client::KeySets;
use payments::{Payments, WalletAddressLookup};
use payments_model::TenantId;
use shared_cache::SharedCache;
use token_introspection::IntrospectionClient;

/// How long an idempotency key is remembered, and how long a process that died keeps it.
const KEYS: KeysSettings = KeysSettings { kept: Duration::from_hours(24), lease: Duration::from_secs(10) };

/// What an operator decides about the listener.
#[derive(Clone, Debug)]
pub struct OpenPaymentsSettings {
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

/// What the listener needs from others.
#[derive(Clone)]
pub struct OpenPaymentsApiParts {
    /// Incoming payments, quotes, outgoing payments.
    pub payments: Payments,
    /// Wallet addresses.
    pub addresses: WalletAddressLookup,
    /// The authorization server, asked what tokens are good for.
    pub introspection: IntrospectionClient,
    /// The keys of clients.
    pub client_keys: Arc<KeySets>,
    /// Remembers used nonces and idempotency keys, for all processes of the server.
    pub cache: SharedCache,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness that makes claims of idempotency keys different.
    pub entropy: Arc<dyn Entropy>,
    /// How it is configured.
    pub settings: OpenPaymentsSettings,
}

/// The listener's state. Cheap to clone.
#[derive(Clone)]
pub struct OpenPaymentsApi {
    pub(crate) settings: Arc<OpenPaymentsSettings>,
    pub(crate) payments: Payments,
    pub(crate) addresses: WalletAddressLookup,
    pub(crate) introspection: IntrospectionClient,
    pub(crate) client_keys: Arc<KeySets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cache: SharedCache,
    pub(crate) keys: Keys,
}

impl OpenPaymentsApi {
    /// The state of a listener made of `parts`.
    pub fn new(parts: OpenPaymentsApiParts) -> Self {
        let OpenPaymentsApiParts { payments, addresses, introspection, client_keys, cache, clock, entropy, settings } =
            parts;
        let (keys, settings) = (Keys::new(cache.clone(), entropy, KEYS), Arc::new(settings));
        Self { settings, payments, addresses, introspection, client_keys, clock, cache, keys }
    }
}

impl OpenPaymentsSettings {
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
