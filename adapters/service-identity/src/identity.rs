//! Who this role is for the provider: a client id, and a secret (RFC 6749 section 2.3.1), a private key (RFC 7523), or the
//! certificate of its connection (RFC 8705).
//!
//! It sends nothing. A proof by key is made for one request, and is valid for a minute.

use std::fmt;
use std::sync::Arc;

use clock::{Entropy, Timestamp};
use serde_json::json;
use token_introspection::ClientProof;
use token_keys::SigningKey;

/// How long a signed proof is valid, in seconds.
const ASSERTION_SECONDS: i64 = 60;

/// One role as a client of the provider.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// `client_id`.
    pub id: String,
    /// The proof.
    pub credential: Credential,
}

/// How a client proves its id.
#[derive(Clone)]
pub enum Credential {
    /// With a secret.
    Secret(String, SecretPlace),
    /// With a signature of its key (`private_key_jwt`).
    Key(Arc<SigningKey>),
    /// With the certificate of the connection (`tls_client_auth`). Its tokens are bound to this certificate, so they are
    /// shown over such connections only.
    Certificate,
}

/// Where the secret is in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// In the header `Authorization` (`client_secret_basic`).
    Header,
    /// In the form (`client_secret_post`).
    Form,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(..) => "Secret(***)",
            Self::Key(_) => "Key(***)",
            Self::Certificate => "Certificate",
        })
    }
}

impl ClientIdentity {
    /// The proof for one request to the provider that is named `audience`.
    pub fn proof(&self, audience: &str, now: Timestamp, entropy: &dyn Entropy) -> ClientProof {
        match &self.credential {
            Credential::Secret(secret, SecretPlace::Header) => ClientProof::basic(&self.id, secret),
            Credential::Secret(secret, SecretPlace::Form) => {
                let form = vec![("client_id", self.id.clone()), ("client_secret", secret.clone())];
                ClientProof { authorization: None, form }
            }
            // The provider sees the certificate, and needs to be told whose it is (RFC 8705 section 2).
            Credential::Certificate => ClientProof { authorization: None, form: vec![("client_id", self.id.clone())] },
            Credential::Key(key) => {
                let form = vec![
                    ("client_id", self.id.clone()),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
                    ("client_assertion", self.assertion(key, audience, now, entropy)),
                ];
                ClientProof { authorization: None, form }
            }
        }
    }

    fn assertion(&self, key: &SigningKey, audience: &str, now: Timestamp, entropy: &dyn Entropy) -> String {
        let seconds = now.as_millis().div_euclid(1000);
        let claims = json!({
            "iss": self.id, "sub": self.id, "aud": audience, "jti": entropy.uuid().to_string(), "iat": seconds,
            "exp": seconds + ASSERTION_SECONDS,
        });
        key.sign("JWT", &claims)
    }
}
