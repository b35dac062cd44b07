//! Access tokens: live until they expire or are revoked; replaced by rotation.

use std::time::Duration;

use clock::{Entropy, Timestamp};
use gnap::TokenValue;

use crate::ids::{GrantId, ManagementId};
use crate::secret::{SecretHash, mint};

/// An access token as it is kept: without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Recognises the value.
    pub hash: SecretHash,
    /// Names it in its management URL.
    pub management_id: ManagementId,
    /// The grant it belongs to.
    pub grant: GrantId,
    /// When it was made.
    pub issued_at: Timestamp,
    /// From then on it is no longer good.
    pub expires_at: Timestamp,
}

/// A token just made: the only moment its value is known.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What is kept.
    pub token: AccessToken,
    /// The answer to the client.
    pub value: TokenValue,
}

/// Why a token is not rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotateRefusal {
    /// The token was revoked, perhaps by a rotation at the same time.
    #[error("invalid access token")]
    Revoked,
    /// The grant behind it is revoked or rejected.
    #[error("grant is no longer valid")]
    GrantOver,
}

impl AccessToken {
    /// A fresh token of a grant.
    pub fn issue(grant: GrantId, lifetime: Duration, now: Timestamp, entropy: &dyn Entropy) -> Issued {
        let value = mint(entropy);
        let token = Self {
            hash: SecretHash::of(value.expose()),
            management_id: ManagementId::random(entropy),
            grant,
            issued_at: now,
            expires_at: now + lifetime,
        };
        Issued { token, value }
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at < now
    }
}
