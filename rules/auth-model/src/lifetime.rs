//! The greatest ages of grants. A grant that is older gives no token any more, and its tokens are no longer valid.
//!
//! It says nothing about single tokens and interactions, which end earlier by themselves.

use std::time::Duration;

use clock::Timestamp;

use crate::grant::{Grant, GrantState};

/// How old grants become, from the request on. `None` means that age does not end them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// For every grant.
    pub grant: Option<Duration>,
    /// For a grant whose client has not fetched its token. It waits for the owner, or for the client.
    pub unissued: Option<Duration>,
}

impl Lifetimes {
    /// The last instant at which the grant is valid, if its age ends it.
    pub fn end_of(&self, grant: &Grant) -> Option<Timestamp> {
        let waits = grant.interaction.is_some() && matches!(grant.state, GrantState::Pending | GrantState::Approved);
        let unissued = if waits { self.unissued } else { None };
        let lifetime = match (self.grant, unissued) {
            (Some(any), Some(unissued)) => Some(any.min(unissued)),
            (any, unissued) => any.or(unissued),
        };
        lifetime.map(|lifetime| grant.created_at + lifetime)
    }

    /// `wanted`, or the time that the grant has left if that is shorter.
    pub(crate) fn within(&self, grant: &Grant, wanted: Duration, now: Timestamp) -> Duration {
        self.end_of(grant).map_or(wanted, |end| wanted.min(end.saturating_since(now)))
    }
}

impl Grant {
    /// Whether its age has ended it.
    pub fn is_too_old(&self, lifetimes: &Lifetimes, now: Timestamp) -> bool {
        lifetimes.end_of(self).is_some_and(|end| end < now)
    }
}
