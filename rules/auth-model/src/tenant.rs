//! Tenants as the authorization server knows them. They are mirrored from the backend, and never created here.
//! How they are mirrored is in `services/auth`.

use std::fmt;

use clock::Timestamp;
use url::Url;

use crate::ids::TenantId;
use crate::secret::SecretHash;

/// An account-servicing entity. Its debug form hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id, the same as in the backend.
    pub id: TenantId,
    /// The page that asks its users for consent. Without it only grants that need no consent can be issued.
    pub identity_provider: Option<IdentityProvider>,
    /// The secret that signs its Admin API requests.
    pub api_secret: Rotated<String>,
}

/// A secret that can be replaced. The old secret stays valid for a while beside the new one, so that its users can be
/// given the new one without an interruption. A second replacement ends the first secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated<T> {
    /// The secret.
    pub current: T,
    /// The old secret, and the end of its validity.
    pub before: Option<(T, Timestamp)>,
}

impl<T> Rotated<T> {
    /// All secrets that are valid at an instant.
    pub fn good_at(&self, now: Timestamp) -> impl Iterator<Item = &T> {
        let before = self.before.iter().filter(move |(_, until)| now < *until).map(|(secret, _)| secret);
        std::iter::once(&self.current).chain(before)
    }
}

impl Rotated<SecretHash> {
    /// Whether `secret` is valid at `now`.
    pub fn is_shown_by(&self, secret: &str, now: Timestamp) -> bool {
        self.good_at(now).any(|hash| hash.matches(secret))
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The consent pages of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// The URL to which the owner's browser is redirected.
    pub consent_url: Url,
    /// The hash of the secret that the provider presents in `x-idp-secret`.
    pub secret: Rotated<SecretHash>,
}
