//! Identifiers of accounts and transfers: 128 bits, never zero and never all ones.
//!
//! They are not random: the creator of a transfer derives its id from the cause.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

macro_rules! ledger_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u128);

        impl $name {
            /// The id with this value. Engines refuse 0 and 2^128−1.
            pub const fn from_u128(value: u128) -> Self {
                Self(value)
            }

            /// The value, as TigerBeetle stores it.
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// The value as a UUID, big endian.
            pub const fn as_uuid(self) -> Uuid {
                Uuid::from_u128(self.0)
            }

            /// The id of a step that `cause` makes once, the same for every repetition.
            pub fn derived_once(cause: Uuid, step: &str) -> Self {
                Self::derived(cause, step, 0)
            }

            /// The id of a step that `cause` makes several times, the same for every repetition of this `attempt`.
            ///
            /// The first 16 octets of SHA-256 over cause, step and attempt, marked as a version 8 UUID.
            pub fn derived(cause: Uuid, step: &str, attempt: u64) -> Self {
                let mut hash = Sha256::new();
                hash.update(cause.as_bytes());
                hash.update(step.as_bytes());
                hash.update(attempt.to_be_bytes());
                let digest = hash.finalize();
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&digest[..16]);
                Self(uuid::Builder::from_custom_bytes(bytes).into_uuid().as_u128())
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id.as_u128())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.as_uuid().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_uuid())
            }
        }
    };
}

ledger_id!(
    /// The id of an account.
    AccountId
);
ledger_id!(
    /// The id of a transfer. A repetition is recognised by it.
    TransferId
);
