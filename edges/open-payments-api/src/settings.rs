//! The settings of the listener and the services that it calls.
//! The variables behind them are in `apps/config`.

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

use crate::bearer::{self, BearerTokens};
use crate::error::ApiError;
use crate::request::ApiRequest;

/// How long an idempotency key is stored, and how long the claim of a dead process lasts.
pub(crate) const KEYS: KeysSettings = KeysSettings { kept: Duration::from_hours(24), lease: Duration::from_secs(3) };

/// The operator's settings for the listener.
#[derive(Clone, Debug)]
pub struct OpenPaymentsSettings {
    /// `OPEN_PAYMENTS_URL`: the beginning of every resource's id.
    pub open_payments_url: String,
    /// `AUTH_SERVER_GRANT_URL`: where clients request grants.
    pub auth_server_grant_url: String,
    /// `CARD_SERVICE_URL`, shown by wallet addresses.
    pub card_service_url: Option<String>,
    /// `WALLET_ADDRESS_URL`: the identity of this instance as a client. It has keys but is not a wallet address.
    pub own_wallet_address: String,
    /// The public halves of this instance's client keys: the one that signs, and one that replaces it or was replaced.
    pub own_keys: Vec<Jwk>,
    /// The source of scheme and host of signed requests.
    pub target: TargetOrigin,
    /// How old signatures may be.
    pub freshness: Freshness,
    /// `ENABLE_SPSP_PAYMENT_POINTERS`: wallet addresses answer SPSP clients.
    pub spsp: bool,
    /// `WALLET_ADDRESS_NOT_FOUND_POLLING_ENABLED`: a request for an unknown address waits for its creation.
    pub wait_for_document: bool,
    /// `WALLET_ADDRESS_REDIRECT_HTML_PAGE`: the page that browsers are redirected to, with placeholders.
    pub redirect_html_page: Option<String>,
}

/// The dependencies of the listener.
#[derive(Clone)]
pub struct OpenPaymentsApiParts {
    /// Incoming payments, quotes, outgoing payments.
    pub payments: Payments,
    /// Wallet addresses.
    pub addresses: WalletAddressLookup,
    /// The authorization server, which introspects tokens.
    pub introspection: IntrospectionClient,
    /// Judges tokens of OAuth 2.0, if a tenant accepts them.
    pub bearer: Option<BearerTokens>,
    /// The keys of clients.
    pub client_keys: Arc<KeySets>,
    /// Stores used nonces and idempotency keys, for all processes of the server.
    pub cache: SharedCache,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness that makes claims of idempotency keys different.
    pub entropy: Arc<dyn Entropy>,
    /// The settings.
    pub settings: OpenPaymentsSettings,
}

/// The listener's state. Cheap to clone.
#[derive(Clone)]
pub struct OpenPaymentsApi {
    pub(crate) settings: Arc<OpenPaymentsSettings>,
    pub(crate) payments: Payments,
    pub(crate) addresses: WalletAddressLookup,
    pub(crate) introspection: IntrospectionClient,
    bearer: Option<Arc<BearerTokens>>,
    pub(crate) client_keys: Arc<KeySets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cache: SharedCache,
    pub(crate) keys: Keys,
}

impl OpenPaymentsApi {
    /// The state of a listener made of `parts`.
    pub fn new(parts: OpenPaymentsApiParts) -> Self {
        let OpenPaymentsApiParts {
            payments,
            addresses,
            introspection,
            bearer,
            client_keys,
            cache,
            clock,
            entropy,
            settings,
        } = parts;
        let (keys, settings) = (Keys::new(cache.clone(), entropy, KEYS), Arc::new(settings));
        let bearer = bearer.filter(|tokens| !tokens.tenants.is_empty()).map(Arc::new);
        Self { settings, payments, addresses, introspection, bearer, client_keys, clock, cache, keys }
    }

    /// What judges the token of a request, if it is one of OAuth 2.0 and a tenant accepts them.
    pub(crate) fn bearer_tokens_of(&self, request: &ApiRequest) -> Option<&BearerTokens> {
        self.bearer.as_deref().filter(|_| bearer::is_shown(request))
    }

    /// 400 unless the request has the headers of a signature, or a token that needs none.
    pub(crate) fn require_signature_headers(&self, request: &ApiRequest) -> Result<(), ApiError> {
        if self.bearer_tokens_of(request).is_some() { Ok(()) } else { request.require_signature_headers() }
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
