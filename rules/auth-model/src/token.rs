//! Access tokens. They are valid until they expire, are revoked, or are replaced by rotation.
//! The rights behind them are in `grant`.

use std::time::Duration;

use clock::{Entropy, Timestamp};
use gnap::TokenValue;

use crate::ids::{GrantId, ManagementId};
use crate::secret::{SecretHash, mint};

/// An access token as it is stored: without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The hash of its value.
    pub hash: SecretHash,
    /// Names it in its management URL.
    pub management_id: ManagementId,
    /// The grant it belongs to.
    pub grant: GrantId,
    /// The time at which it was made.
    pub issued_at: Timestamp,
    /// The time from which it is no longer valid.
    pub expires_at: Timestamp,
}

/// A new token. Only now its value is known.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token to store.
    pub token: AccessToken,
    /// The answer to the client.
    pub value: TokenValue,
}

/// Why a token is not rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotateRefusal {
    /// The token was revoked, perhaps by a concurrent rotation.
    #[error("invalid access token")]
    Revoked,
    /// The grant behind it is revoked, rejected, or too old.
    #[error("grant is no longer valid")]
    GrantOver,
}

impl AccessToken {
    /// Makes a new token of a grant.
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

    /// Whether it has expired.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at < now
    }
}
