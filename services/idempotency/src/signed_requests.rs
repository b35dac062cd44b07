//! A signed Admin API request is accepted once: verified first, then remembered for as long as it stays fresh.
//!
//! Verified first, so that only a tenant with a secret can fill the memory.

use std::sync::Arc;
use std::time::Duration;

use admin_signature::{Audience, Signature, SignatureError, audience_of, canonical};
use bytes::Bytes;
use clock::Clock;
use serde_json::Value;
use shared_cache::{CacheError, SharedCache};
use uuid::Uuid;

/// Why a request is not taken for its tenant's.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    /// The signature is not one of this secret over this body, or not fresh.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The request says that it was signed for another API.
    #[error("the request was signed for another API")]
    OtherAudience,
    /// It came before.
    #[error("the signature was used before")]
    Used,
    /// It cannot be remembered. Nothing is wrong with the request.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Judges the signed requests of one API.
#[derive(Clone, Debug)]
pub struct SignedRequests {
    /// Which API.
    pub audience: Audience,
    /// The signature version agreed on.
    pub version: u32,
    /// How far a signature's time may be from now.
    pub lifetime: Duration,
    /// Remembers what was used, for all processes.
    pub cache: SharedCache,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl SignedRequests {
    /// Accepts the request `body` of `tenant`, whose header is `header`, once. While a secret is replaced by another,
    /// the tenant has two `secrets`; any of them is good.
    pub async fn accept<'s>(
        &self,
        header: &str,
        tenant: Uuid,
        secrets: impl IntoIterator<Item = &'s str>,
        body: &Value,
    ) -> Result<(), NotAccepted> {
        let signature = Signature::parse(header, self.version)?;
        let (now, body_text) = (self.clock.now(), canonical(body));

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
        // A signature may also come from a clock that is ahead by as much as it may be old.
        let life = self.lifetime.saturating_mul(2);
        if self.cache.set_if_absent(&name, Bytes::from_static(b"1"), life).await? {
            Ok(())
        } else {
            Err(NotAccepted::Used)
        }
    }
}
