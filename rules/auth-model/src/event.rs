//! What a tenant is told about a grant of rights on a wallet address: that it gives rights now, or that it was taken back.
//!
//! It is sent by others. When an age ends a grant, nothing is told: its first event says when that will be.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::grant::{Grant, GrantState};
use crate::ids::GrantId;

/// What happened to a grant, in the order in which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantNews {
    /// It gives rights: its owner consented, or no consent was needed.
    Created,
    /// It was taken back, by the client, the tenant or the operator. Also a grant that had not been given yet.
    Revoked,
}

impl GrantNews {
    /// The type of the event.
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Created => "grant.created",
            Self::Revoked => "grant.revoked",
        }
    }

    /// What a transition from `before` to `after` has brought.
    pub fn between(before: GrantState, after: GrantState) -> Option<Self> {
        match (before, after) {
            (GrantState::Pending, GrantState::Approved) => Some(Self::Created),
            (before, GrantState::Revoked) if before != GrantState::Revoked => Some(Self::Revoked),
            _ => None,
        }
    }

    /// What a new grant brings.
    pub fn of_new(grant: &Grant) -> Option<Self> {
        (grant.state == GrantState::Approved).then_some(Self::Created)
    }

    /// The id of the event, the same for every repetition: the first 16 octets of SHA-256 over the grant's id and the
    /// type, marked as a version 8 UUID.
    pub fn event_id(self, grant: GrantId) -> Uuid {
        let digest = Sha256::new().chain_update(grant.as_uuid().as_bytes()).chain_update(self.event_type()).finalize();
        let mut octets = [0; 16];
        octets.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(octets).into_uuid()
    }
}
