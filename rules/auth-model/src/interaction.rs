//! The question to the resource owner: which client asks, until when, and what was answered.
//!
//! Part of a grant that needs consent. It ends with a choice; the grant learns of it when the browser finishes.

use clock::Timestamp;

use crate::finish::FinishUri;
use crate::ids::{InteractRef, InteractionId};

/// The question to the owner of the resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interaction {
    /// Its id, in URLs.
    pub id: InteractionId,
    /// Our part of the interaction hash, and what a browser must know besides the id.
    pub nonce: String,
    /// What proves to us that the client's browser came back.
    pub reference: InteractRef,
    /// From then on nothing can be decided any more.
    pub expires_at: Timestamp,
    /// The owner's answer.
    pub choice: Choice,
    /// The client.
    pub client: ClientDisplay,
    /// Where the browser goes afterwards; without it the client polls.
    pub finish: Option<Finish>,
}

/// The client in words for the owner. Read from the client's wallet address when the grant was requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDisplay {
    /// The public name of the client's wallet address.
    pub name: String,
    /// The client's wallet address.
    pub uri: String,
}

/// Where the browser goes when the interaction is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The address.
    pub uri: FinishUri,
    /// The client's part of the interaction hash.
    pub nonce: String,
}

/// The owner's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// None yet.
    Pending,
    /// Yes.
    Approved,
    /// No.
    Denied,
}

impl Choice {
    /// The word of the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Denied => "DENIED",
        }
    }
}

/// Why a choice cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceRefusal {
    /// The grant was cancelled, revoked or rejected before.
    #[error("user denied interaction")]
    Over,
    /// The interaction is expired, or was decided before.
    #[error("invalid interaction")]
    NotPending,
}

/// How an interaction ended for the browser that comes back from the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishOutcome {
    /// The owner consented: the client gets the reference.
    Approved,
    /// The owner refused.
    Rejected,
    /// The owner has not decided.
    Undecided,
    /// The grant was cancelled or revoked.
    Gone,
}

impl Interaction {
    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at < now
    }

    /// Whether it can still be decided.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.choice == Choice::Pending && !self.is_expired(now)
    }
}
