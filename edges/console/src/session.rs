//! Who is signed in: kept whole in a sealed cookie, so any process of the console knows it.
//!
//! It holds the tenant's API secret, which nothing of a page ever shows.

use std::time::Duration;

use clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::seal::Seal;

const PURPOSE: &str = "session";

/// As what somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Sees all tenants.
    Operator,
    /// Sees its own.
    Tenant,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rights {
    /// Everything the tenant may.
    Change,
    /// Looking only.
    Look,
}

/// Somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) secret: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) rights: Rights,
    pub(crate) signed_in_at: Timestamp,
    pub(crate) seen_at: Timestamp,
}

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without a page being opened.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
}

impl Session {
    /// As a cookie's value.
    pub(crate) fn sealed(&self, seal: &Seal) -> String {
        seal.seal(PURPOSE, &serde_json::to_string(self).unwrap_or_default())
    }

    /// The session in a cookie, if it is ours and its time is not over.
    pub(crate) fn open(seal: &Seal, cookie: &str, lifetimes: Lifetimes, now: Timestamp) -> Option<Self> {
        let session: Self = serde_json::from_str(&seal.open(PURPOSE, cookie)?).ok()?;
        let alive = now < session.seen_at + lifetimes.idle && now < session.signed_in_at + lifetimes.absolute;
        alive.then_some(session)
    }

    /// The same, seen now.
    pub(crate) fn seen(&self, now: Timestamp) -> Self {
        Self { seen_at: now, ..self.clone() }
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    pub(crate) fn may_change(&self) -> bool {
        self.rights == Rights::Change
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clock::SeededEntropy;

    use super::*;

    #[test]
    fn a_session_ends_after_idle_time_and_after_its_whole_time_whatever_is_done() {
        let seal = Seal::new("s", Arc::new(SeededEntropy::new(1)));
        let begin = Timestamp::from_millis(1_000_000);
        let lifetimes = Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(8) };
        let session = Session {
            id: Uuid::nil(),
            tenant_id: Uuid::nil(),
            secret: "x".to_owned(),
            name: "n".to_owned(),
            role: Role::Tenant,
            rights: Rights::Change,
            signed_in_at: begin,
            seen_at: begin,
        };
        let alive =
            |session: &Session, at: Timestamp| Session::open(&seal, &session.sealed(&seal), lifetimes, at).is_some();
        assert!(alive(&session, begin + Duration::from_mins(29)));
        assert!(!alive(&session, begin + Duration::from_mins(30)));
        let busy = session.seen(begin + Duration::from_mins(479));
        assert!(alive(&busy, begin + Duration::from_mins(479)));
        assert!(!alive(&busy, begin + Duration::from_hours(8)));
    }
}
