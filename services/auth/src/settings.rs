//! The operator's settings for an authorization server.
//!
//! `apps/config` reads them from the environment.

use std::time::Duration;

use auth_model::{ConsentPolicy, FinishUriPolicy, Terms};
use auth_store::{Retention, TenantData};
use http_signatures::Freshness;
use shared_cache::Rate;
use url::Url;

use crate::GrantEvents;

/// The settings of an authorization server.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// `AUTH_SERVER_URL`: the public base of continue, manage and interact URLs and of the interaction hash.
    pub server_url: Url,
    /// The operator's own tenant, which is created at the start.
    pub operator: TenantData,
    /// The rights that need consent.
    pub consent: ConsentPolicy,
    /// Lifetimes and waiting times.
    pub terms: Terms,
    /// The addresses to which browsers may be redirected.
    pub finish_uris: FinishUriPolicy,
    /// The largest age of a signature.
    pub freshness: Freshness,
    /// How long a tenant's old secret stays valid beside the new one.
    pub secret_overlap: Duration,
    /// The limit of grant requests per client.
    pub grant_requests_per_client: Rate,
    /// The limit of continuations, cancellations, rotations and revocations per client.
    pub continuations_per_client: Rate,
    /// How often, per tenant, sources that have never shown the right secret of the identity provider may try it.
    pub provider_secrets_from_new_sources: Rate,
    /// Whether events about grants are recorded.
    pub grant_events: GrantEvents,
    /// The retention times of old rows.
    pub retention: Retention,
}

impl AuthSettings {
    /// A URL below the public base; `path` has no leading slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.server_url.as_str().trim_end_matches('/'))
    }
}
