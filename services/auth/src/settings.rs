//! What an operator decides about its authorization server.
//!
//! Read from the environment elsewhere; here are only values.

use std::time::Duration;

use auth_model::{ConsentPolicy, FinishUriPolicy, Terms};
use auth_store::{Retention, TenantData};
use http_signatures::Freshness;
use shared_cache::Rate;
use url::Url;

/// The settings of an authorization server.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// `AUTH_SERVER_URL`: the public base of continue, manage and interact URLs and of the interaction hash.
    pub server_url: Url,
    /// The operator's own tenant, made at start.
    pub operator: TenantData,
    /// Which rights need consent.
    pub consent: ConsentPolicy,
    /// Lifetimes and waiting times.
    pub terms: Terms,
    /// Where browsers may be sent back to.
    pub finish_uris: FinishUriPolicy,
    /// How old signatures may be.
    pub freshness: Freshness,
    /// How long a tenant's secret that was replaced is good beside its successor.
    pub secret_overlap: Duration,
    /// How many grants a client may ask for.
    pub grant_requests_per_client: Rate,
    /// How long things are kept that are over.
    pub retention: Retention,
}

impl AuthSettings {
    /// A URL below the public base; `path` has no leading slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.server_url.as_str().trim_end_matches('/'))
    }
}
