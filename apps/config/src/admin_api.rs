//! How requests to the Admin API are signed and repeated.
//! Secrets of webhooks are in `events`.

use std::time::Duration;

use crate::Secret;
use crate::reader::Reader;

/// The Admin GraphQL API.
#[derive(Clone, Debug)]
pub struct AdminApi {
    /// `ADMIN_API_SECRET` of the operator.
    pub secret: Secret,
    /// `ADMIN_API_SIGNATURE_VERSION`: the number after `v` in signatures of requests.
    pub signature_version: u32,
    /// `ADMIN_API_SIGNATURE_TTL_SECONDS`: how long a signature of a request is valid.
    pub signature_lifetime: Duration,
    /// `GRAPHQL_IDEMPOTENCY_KEY_TTL_MS`: how long an idempotency key is stored.
    pub idempotency_lifetime: Duration,
    /// `GRAPHQL_IDEMPOTENCY_KEY_LOCK_MS`: how long requests with the same key are refused after the process of the
    /// first one has died.
    pub idempotency_lock: Duration,
    /// `TENANT_SECRET_OVERLAP_SECONDS`: after a tenant's API secret or identity provider secret was replaced, the old
    /// secret is accepted for this time, too. Set it to the same value at `backend` and `auth`. If a secret is replaced
    /// twice, the oldest is refused at once.
    pub secret_overlap: Duration,
}

impl AdminApi {
    pub(crate) fn read(r: &mut Reader<'_>) -> Option<Self> {
        let secret = r.require_secret("ADMIN_API_SECRET");
        let signature_version = r.number("ADMIN_API_SIGNATURE_VERSION", 1, 0..=u32::MAX);
        let lifetime_seconds = r.number("ADMIN_API_SIGNATURE_TTL_SECONDS", 30, 1..=86_400);
        let idempotency_lifetime = r.millis("GRAPHQL_IDEMPOTENCY_KEY_TTL_MS", 86_400_000);
        let idempotency_lock = r.millis("GRAPHQL_IDEMPOTENCY_KEY_LOCK_MS", 2_000);
        let overlap_seconds = r.number("TENANT_SECRET_OVERLAP_SECONDS", 600, 0..=30 * 86_400);
        Some(Self {
            secret: secret?,
            signature_version,
            signature_lifetime: Duration::from_secs(lifetime_seconds),
            idempotency_lifetime,
            idempotency_lock,
            secret_overlap: Duration::from_secs(overlap_seconds),
        })
    }
}
