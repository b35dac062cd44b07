//! Identifiers of the authorization server's entities, one type each.
//! Secrets are no ids; they are in `secret`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! entity_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this value.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// A fresh random id.
            pub fn random(entropy: &dyn clock::Entropy) -> Self {
                Self(entropy.uuid())
            }

            /// The value.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

entity_id!(
    /// An account-servicing entity, as in the backend.
    TenantId
);
entity_id!(
    /// A grant.
    GrantId
);
entity_id!(
    /// Names a grant in its continuation URL.
    ContinueId
);
entity_id!(
    /// Names an access token in its management URL.
    ManagementId
);
entity_id!(
    /// An interaction with a resource owner.
    InteractionId
);
entity_id!(
    /// What the browser brings back to the client as `interact_ref`.
    InteractRef
);
