//! The greatest ages of grants. A grant that is older gives no token any more, and its tokens are no longer valid.
//!
//! It says nothing about single tokens and interactions, which end earlier by themselves.

use std::time::Duration;

use clock::Timestamp;

/// How old grants become, from the request on. `None` means that age does not end them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// For every grant.
    pub grant: Option<Duration>,
    /// For a grant whose client has not fetched its token. It waits for the owner, or for the client.
    pub unissued: Option<Duration>,
}

impl Lifetimes {
    /// The last instant at which a grant is valid, if its age ends it.
    pub(crate) fn end_of(&self, created_at: Timestamp, step: GrantStep) -> Option<Timestamp> {
        let unissued = match step {
            GrantStep::Unissued => self.unissued,
            GrantStep::Other => None,
        };
        let lifetime = match (self.grant, unissued) {
            (Some(any), Some(unissued)) => Some(any.min(unissued)),
            (any, unissued) => any.or(unissued),
        };
        lifetime.map(|lifetime| created_at + lifetime)
    }
}

/// How far a grant is, as its age sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantStep {
    /// It has an interaction, and its client has not fetched its token.
    Unissued,
    /// Every other grant.
    Other,
}
