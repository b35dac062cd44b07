//! Ids derived from their cause, in the form that the Admin API requires.
//!
//! Ids of the wallet's own ledger are made with `TransferId::derived`.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A UUID in version 4 form, derived from `cause` and `step`. The Admin API refuses other versions as transfer ids.
pub(crate) fn derived_v4(cause: Uuid, step: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(cause.as_bytes());
    hash.update(step.as_bytes());
    let digest = hash.finalize();
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(octets).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cause_and_step_give_the_same_version_4_id() {
        let id = derived_v4(Uuid::nil(), "topup");
        assert_eq!(id, derived_v4(Uuid::nil(), "topup"));
        assert_ne!(id, derived_v4(Uuid::nil(), "seed"));
        assert_eq!(id.get_version_num(), 4);
    }
}
