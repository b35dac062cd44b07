//! The secret that `backend` sends to introspection and the service API of `auth`.
//!
//! Environments of the original have none. Both roles then derive the same secret from the operator's API secret, which
//! both have.

use config::Secret;
use sha2::{Digest, Sha256};

/// `AUTH_SERVICE_SECRET`, or the derived secret.
pub(crate) fn service_secret(given: Option<&Secret>, admin_api_secret: &Secret) -> String {
    given.map_or_else(|| made_of(admin_api_secret), |secret| secret.expose().to_owned())
}

/// The original secret cannot be computed from the result.
fn made_of(admin_api_secret: &Secret) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::new()
        .chain_update(b"rafiki auth service\0")
        .chain_update(admin_api_secret.expose().as_bytes())
        .finalize();
    digest.iter().fold(String::with_capacity(64), |mut text, octet| {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_roles_make_the_same_secret_of_what_they_share_unless_they_are_given_one() {
        let admin = Secret::new("secret");
        let made = service_secret(None, &admin);
        assert_eq!(made, service_secret(None, &Secret::new("secret")));
        assert_ne!(made, service_secret(None, &Secret::new("another")));
        assert!(made.len() == 64 && !made.contains("secret"));
        assert_eq!(service_secret(Some(&Secret::new("given")), &admin), "given");
    }
}
