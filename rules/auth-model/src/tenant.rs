//! Tenants as the authorization server knows them: mirrored from the backend, never made here.

use std::fmt;

use clock::Timestamp;
use serde::{Deserialize, Deserializer};
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
    /// Signs its Admin API requests.
    pub api_secret: Rotated<String>,
}

/// A secret that may be replaced: the one before is good for a while beside its successor, so that those who show it
/// can be given the new one without a gap. Of two replacements the second ends the first secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated<T> {
    /// The secret.
    pub current: T,
    /// The one before, and until when it is good.
    pub before: Option<(T, Timestamp)>,
}

impl<T> Rotated<T> {
    /// Every secret that is good at an instant.
    pub fn good_at(&self, now: Timestamp) -> impl Iterator<Item = &T> {
        let before = self.before.iter().filter(move |(_, until)| now < *until).map(|(secret, _)| secret);
        std::iter::once(&self.current).chain(before)
    }
}

impl Rotated<SecretHash> {
    /// Whether one shows a secret that is good.
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
    /// Where the owner's browser is sent.
    pub consent_url: Url,
    /// Recognises the secret the provider presents in `x-idp-secret`.
    pub secret: Rotated<SecretHash>,
}

/// What happens to a property that may be absent. Read from JSON: a missing member keeps it, `null` clears it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}
