//! The hash that proves to a client that the browser was redirected by the authorization server that it asked.
//!
//! RFC 9635 section 4.2.3, with one deviation every deployed client relies on: the result is
//! standard base64 with padding instead of unpadded base64url.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The parts of the interaction hash, in their order.
#[derive(Clone, Copy, Debug)]
pub struct InteractionHash<'a> {
    /// `interact.finish.nonce` of the grant request.
    pub client_nonce: &'a str,
    /// `interact.finish` of the grant response.
    pub interact_nonce: &'a str,
    /// `interact_ref` of the redirect.
    pub interact_ref: &'a str,
    /// The URL to which the grant request was sent; see [`grant_endpoint`].
    pub grant_endpoint: &'a str,
}

impl InteractionHash<'_> {
    /// The value of the `hash` query parameter, before percent-encoding.
    pub fn compute(&self) -> String {
        let mut sha = Sha256::new();
        for line in [self.client_nonce, "\n", self.interact_nonce, "\n", self.interact_ref, "\n", self.grant_endpoint] {
            sha.update(line.as_bytes());
        }
        STANDARD.encode(sha.finalize())
    }
}

/// The grant endpoint of a tenant: the server's base URL, exactly one slash, the tenant's id.
pub fn grant_endpoint(auth_server_url: &str, tenant: &str) -> String {
    format!("{}/{tenant}", auth_server_url.trim_end_matches('/'))
}
