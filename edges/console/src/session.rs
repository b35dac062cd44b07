//! The session of a signed-in user. It is stored completely in a sealed cookie, so every process of the console knows
//! it.
//!
//! It contains the tenant's API secret, which no page shows.

use std::time::Duration;

use clock::Timestamp;
use page_kit::Seal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const PURPOSE: &str = "session";

/// The role of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Sees all tenants.
    Operator,
    /// Sees its own.
    Tenant,
}

/// The rights of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rights {
    /// All rights of the tenant.
    Change,
    /// Reading only.
    Look,
}

/// Who is signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Person {
    /// Somebody who knows the API secret of the tenant. Several people cannot be told apart.
    #[default]
    Secret,
    /// Somebody with an account of their own.
    Known {
        /// The same for one account for ever, and different for two accounts.
        id: String,
        /// The name that others see.
        name: String,
    },
}

impl Person {
    /// Whether these are certainly two people.
    pub(crate) fn is_other_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known { id, .. }, Self::Known { id: other, .. }) => id != other,
            _ => false,
        }
    }

    /// The name that others see.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Secret => None,
            Self::Known { name, .. } => Some(name),
        }
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    #[serde(default)]
    pub(crate) person: Person,
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
    /// Without a request.
    pub idle: Duration,
    /// In total.
    pub absolute: Duration,
}

impl Session {
    /// The value of the cookie.
    pub(crate) fn sealed(&self, seal: &Seal) -> String {
        seal.seal(PURPOSE, &serde_json::to_string(self).unwrap_or_default())
    }

    /// The session in a cookie, if it is valid and has not expired.
    pub(crate) fn open(seal: &Seal, cookie: &str, lifetimes: Lifetimes, now: Timestamp) -> Option<Self> {
        let session: Self = serde_json::from_str(&seal.open(PURPOSE, cookie)?).ok()?;
        let alive = now < session.seen_at + lifetimes.idle && now < session.signed_in_at + lifetimes.absolute;
        alive.then_some(session)
    }

    /// The same session, used now.
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
    fn a_session_ends_after_its_idle_time_and_in_any_case_after_its_whole_time() {
        let seal = Seal::new("s", Arc::new(SeededEntropy::new(1)));
        let begin = Timestamp::from_millis(1_000_000);
        let lifetimes = Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(8) };
        let session = Session {
            id: Uuid::nil(),
            person: Person::Secret,
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
