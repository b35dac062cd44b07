//! The hash lock of a packet: a condition and the preimage that fulfils it (RFC 27).
//! The fulfillment of a STREAM packet is derived in `stream`.

use std::fmt;

use sha2::{Digest, Sha256};

/// The SHA-256 digest that a fulfillment must match.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Condition([u8; 32]);

/// The 32 octets whose SHA-256 digest is the condition.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fulfillment([u8; 32]);

impl Condition {
    /// A condition of these octets.
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The 32 octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Fulfillment {
    /// A fulfillment of these octets.
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The 32 octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The condition that this fulfillment satisfies.
    pub fn condition(&self) -> Condition {
        Condition(Sha256::digest(self.0).into())
    }

    /// Whether this is the preimage of `condition`.
    pub fn satisfies(&self, condition: &Condition) -> bool {
        // Both sides are public once a fulfillment arrives, so timing reveals nothing.
        self.condition() == *condition
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Debug for Fulfillment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

fn hex(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}
