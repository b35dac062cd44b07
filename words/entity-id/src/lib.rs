//! The id types of entities. One macro declares a type that holds a UUID, so that ids of two entities cannot be
//! confused. The entities are declared in the models.

pub use clock::Entropy;
pub use serde;
pub use uuid::{Error as UuidError, Uuid};

/// Declares an id type. The documentation comment and the name are given.
///
/// The type has `from_uuid`, `random` and `as_uuid`. It is read from text, shown as text, and written transparently.
#[macro_export]
macro_rules! entity_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "entity_id::serde", transparent)]
        pub struct $name($crate::Uuid);

        impl $name {
            /// The id with this value.
            pub const fn from_uuid(id: $crate::Uuid) -> Self {
                Self(id)
            }

            /// A fresh random id.
            pub fn random(entropy: &dyn $crate::Entropy) -> Self {
                Self(entropy.uuid())
            }

            /// The value.
            pub const fn as_uuid(self) -> $crate::Uuid {
                self.0
            }
        }

        impl From<$crate::Uuid> for $name {
            fn from(id: $crate::Uuid) -> Self {
                Self(id)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UuidError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::Uuid::try_parse(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}
