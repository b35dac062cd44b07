//! Accepts a signed Admin API request once. The signature is verified first, and then stored for as long as it is
//! fresh.
//! How a signature is made and verified is in `admin-signature`.
//!
//! Because the signature is verified first, only a tenant with a secret can fill the storage.

use std::sync::Arc;
use std::time::Duration;

use admin_signature::{Audience, Signature, SignatureError, audience_of, canonical};
use bytes::Bytes;
use clock::Clock;
use serde_json::Value;
use shared_cache::{CacheError, SharedCache};
use uuid::Uuid;

/// Why a request is not accepted as its tenant's.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// The signature was not made with this secret over this body, or it is not fresh.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The request states that it was signed for another API.
    #[error("the request was signed for another API")]
    OtherAudience,
    /// The same signature was used before.
    #[error("the signature was used before")]
    Used,
    /// It cannot be stored. The request itself has no fault.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Checks the signed requests of one API.
#[derive(Clone, Debug)]
pub struct SignedRequests {
    /// The API.
    pub audience: Audience,
    /// The version of signatures that both sides use.
    pub version: u32,
    /// How far the time of a signature may be from now.
    pub lifetime: Duration,
    /// Stores the used signatures, for all processes.
    pub cache: SharedCache,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl SignedRequests {
    /// Accepts the request `body` of `tenant`, whose header is `header`, once. While a tenant replaces its secret, it
    /// has two `secrets`, and both are valid.
    pub async fn accept<'s>(
        &self,
        header: &str,
        tenant: Uuid,
        secrets: impl IntoIterator<Item = &'s str>,
        body: &Value,
    ) -> Result<(), NotAccepted> {
        let signature = Signature::parse(header, self.version)?;
        let (now, body_text) = (self.clock.wall(), canonical(body));

        let mut verified = Err(SignatureError::Mismatch);
        for secret in secrets {
            verified = signature.verify(secret, now, self.lifetime, &body_text);
            if verified.is_ok() {
                break;
            }
        }
        verified?;

        let audience = self.audience.as_str();
        if audience_of(body).is_some_and(|named| named.as_str() != Some(audience)) {
            return Err(NotAccepted::OtherAudience);
        }

        let name = format!("signed_request:{audience}:{tenant}:{}", signature.name());
        // The signer's clock may be ahead by the same amount as a signature may be old.
        let life = self.lifetime.saturating_mul(2);
        if self.cache.set_if_absent(&name, Bytes::from_static(b"1"), life).await? {
            Ok(())
        } else {
            Err(NotAccepted::Used)
        }
    }
}
