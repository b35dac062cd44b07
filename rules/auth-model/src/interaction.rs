//! The interaction with the resource owner: which client asks, the time limit, and the answer.
//!
//! It is part of a grant that needs consent. It ends with a choice. The grant learns the choice when the browser
//! finishes.

use clock::Timestamp;

use crate::finish::FinishUri;
use crate::ids::{InteractRef, InteractionId};

/// The interaction with the owner of the resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interaction {
    /// Its id, in URLs.
    pub id: InteractionId,
    /// Our part of the interaction hash. A browser must know it besides the id.
    pub nonce: String,
    /// The proof that the client's browser came back.
    pub reference: InteractRef,
    /// The time after which the owner cannot decide any more.
    pub expires_at: Timestamp,
    /// The owner's answer.
    pub choice: Choice,
    /// The client.
    pub client: ClientDisplay,
    /// Where the browser goes afterwards; `None` if the client polls.
    pub finish: Option<Finish>,
}

/// The description of the client for the owner. It was read from the client's wallet address when the grant was
/// requested.
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
    /// The owner has not answered.
    Pending,
    /// The owner consented.
    Approved,
    /// The owner refused.
    Denied,
}

impl Choice {
    /// The word used in the API.
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

/// The result of an interaction, for the browser that comes back from the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishOutcome {
    /// The owner consented. The client gets the reference.
    Approved,
    /// The owner refused.
    Rejected,
    /// The owner has not decided.
    Undecided,
    /// The grant was cancelled or revoked.
    Gone,
}

impl Interaction {
    /// Whether its time limit has passed.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at < now
    }

    /// Whether it can still be decided.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.choice == Choice::Pending && !self.is_expired(now)
    }
}
